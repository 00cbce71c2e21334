// What a daemon or command may still do when it hears the first byte from outside: a table of a few
// lines that stands beside it, in the words below, and is put into force for good (parameter
// `sandbox`): no rights by running a program (no_new_privs), no system calls but those that are
// listed (seccomp(2)), no files and TCP ports but those of the table (landlock(7)).
//
// Every process may besides: use what it has open, read the system's libraries, speak over sockets
// of the file system (which Landlock does not know), start threads and fork.  Nobody may run a
// program.  Tables bring with them what they need (lib/maps/table_needs.h): their directories, and
// the way to servers where they are looked up there.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace relais {

enum class Access {
    kRead,
    kWrite,   // what is there is read and written, nothing made or removed: FIFOs
    kChange,  // files and directories are made, renamed and removed, too
};

struct FileRule {
    Access access;
    // A path, below the queue directory or absolute.
    // "$name": what a parameter says: paths (of a directory that is read, what links in it lead to
    // as well), or tables, whose directories count; "$name/": the directories in which its files
    // are.
    // "@names": what the resolver and the C library read about hosts and accounts; "@certificates":
    // OpenSSL's own authorities; "@queues": all directories of the queue.
    std::string_view where;
};

// Which TCP ports may be connected to, and whether there are sockets of the internet at all.
enum class Reach { kNone, kResolver, kServers };

enum class ExtraCalls : unsigned {
    kNone = 0,
    kIdentity = 1,  // takes on other users' ids
    kWatches = 2,   // inotify(7)
};

// As many as there are, up to a few.
template <class T, std::size_t kMost>
class Few {
  public:
    constexpr Few() = default;

    constexpr Few(std::initializer_list<T> items) {
        for (const T& item : items) {
            items_[size_++] = item;  // too many: no constant expression
        }
    }

    constexpr const T* begin() const { return items_.data(); }

    constexpr const T* end() const { return items_.data() + size_; }

  private:
    std::array<T, kMost> items_{};
    std::size_t size_ = 0;
};

struct SandboxTable {
    Few<FileRule, 20> files{};
    Reach reach = Reach::kNone;
    // Where one of these parameters is not empty, Reach::kServers after all.
    Few<std::string_view, 4> servers_if{};
    Few<ExtraCalls, 2> calls{};
};

// A place that only the running process knows.
struct KnownPlace {
    Access access;
    std::string path;
    int fd = -1;  // of a directory that was opened before the jail: instead of the path
};

// Puts `table` into force for this process and all that it starts, as the parameter `sandbox` says.
// While there is one thread.  What the kernel does not have is done without; fatal where `sandbox`
// has no value of its kind.
void enter_sandbox(const SandboxTable& table, std::span<const KnownPlace> places = {});

// The same whatever a parameter says: for programs that read no configuration.  `table` names none.
void enter_strict_sandbox(const SandboxTable& table, std::span<const KnownPlace> places = {});

// What of all this is missing here, and why, for one line in the log; empty: nothing, or nobody
// wants it.
[[nodiscard]] std::string missing_protection();

}  // namespace relais
