#include "lib/store/maildir_delivery.h"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"

namespace relais {

namespace {

// Removes the temporary file on every way out but success.
class TemporaryFile {
  public:
    explicit TemporaryFile(std::string path) : path_(std::move(path)) {}

    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    ~TemporaryFile() {
        if (!path_.empty()) {
            ::unlink(path_.c_str());
        }
    }

    const std::string& path() const { return path_; }

    // Before the file exists.
    void rename_to(std::string path) { path_ = std::move(path); }

    void keep() { path_.clear(); }

  private:
    std::string path_;
};

Result<void> make_maildir(const std::string& base) {
    for (const char* part : {"tmp", "cur", "new"}) {
        auto made = make_directories(base + part, 0700);
        if (!made) {
            return made;
        }
    }
    return {};
}

Result<UniqueFd> create_temporary(const std::string& base, const std::string& path) {
    auto fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!fd && fd.error().sys_errno == ENOENT) {
        auto made = make_maildir(base);
        if (!made) {
            return fail_errno("create maildir file " + path, made.error().sys_errno);
        }
        fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    }
    if (!fd) {
        return fail_errno("create maildir file " + path, fd.error().sys_errno);
    }
    return fd;
}

Result<std::uint64_t> write_content(int fd, const ContentWriter& content) {
    FileSink sink(fd);
    auto produced = content(sink);
    if (!produced) {
        return fail_with(produced);
    }
    auto finished = sink.finish();
    if (!finished) {
        return fail_with(finished);
    }
    if (::fsync(fd) < 0) {
        return fail_errno(kWriteError);
    }
    return sink.written();
}

Result<void> move_to_new(const std::string& base, const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) {
        return {};
    }
    int reason = errno;
    if (reason == ENOENT) {
        auto made = make_maildir(base);
        if (made && ::rename(from.c_str(), to.c_str()) == 0) {
            return {};
        }
        reason = made ? errno : made.error().sys_errno;
    }
    return fail_errno("create maildir file " + to, reason);
}

}  // namespace

std::string maildir_host(std::string_view host) {
    std::string safe;
    for (char c : host) {
        if (c == '/') {
            safe += "\\057";
        } else if (c == ':') {
            safe += "\\072";
        } else {
            safe += c;
        }
    }
    return safe;
}

Result<DeliveredFile> deliver_maildir(const MaildirTarget& target, const ContentWriter& content) {
    static std::atomic<unsigned> counter{0};
    std::string base = target.directory.ends_with('/') ? target.directory : target.directory + "/";
    std::string host = maildir_host(target.host);
    timeval now;
    ::gettimeofday(&now, nullptr);

    TemporaryFile temporary(format("{}tmp/{}.P{}.{}", base, now.tv_sec, ::getpid(), host));
    auto fd = create_temporary(base, temporary.path());
    if (!fd && fd.error().sys_errno == EEXIST) {
        // Another delivery of this process is under way, or one of this second died.
        temporary.rename_to(
            format("{}tmp/{}.P{}Q{}.{}", base, now.tv_sec, ::getpid(), counter++, host));
        fd = create_temporary(base, temporary.path());
    }
    if (!fd) {
        temporary.keep();
        return fail_with(fd);
    }
    auto size = write_content(fd->get(), content);
    if (!size) {
        return fail_with(size);
    }
    struct stat status;
    if (::fstat(fd->get(), &status) < 0) {
        return fail_errno("create maildir file " + temporary.path());
    }
    // Device and inode make the name unique, whatever the clock does.
    DeliveredFile delivered;
    delivered.size = *size;
    delivered.path = format("{}new/{}.V{:x}I{:x}M{}.{}", base, now.tv_sec, status.st_dev,
                            status.st_ino, now.tv_usec, host);
    auto moved = move_to_new(base, temporary.path(), delivered.path);
    if (!moved) {
        return fail_with(moved);
    }
    temporary.keep();
    if (target.directory_sync == DirectorySync::kYes) {
        // A drop-box that cannot be read, or a file system without the call, cannot do better.
        auto synced = sync_directory(base + "new");
        if (!synced && synced.error().sys_errno != EACCES && synced.error().sys_errno != EINVAL) {
            ::unlink(delivered.path.c_str());
            return fail_with(synced);
        }
    }
    return delivered;
}

}  // namespace relais
