// Tables without data of their own: static, fail, environ, and the system's account databases.
#include <cerrno>
#include <cstdlib>
#include <vector>

#include <grp.h>
#include <pwd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"
#include "lib/maps/file_value.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

// static:value - the same value for every key.
class StaticTable : public Table {
  public:
    StaticTable(const OpenRequest& request, std::string value)
        : Table(request.type, request.name, request.flags | table_flag::kFixed),
          value_(std::move(value)) {}

  protected:
    Lookup find_key(std::string_view /*key*/) override { return Lookup::found(value_); }

  private:
    std::string value_;
};

// Every lookup fails, with the reason given.
class FailTable : public Table {
  public:
    FailTable(std::string type, std::string name, TableFlags flags, std::string reason,
              bool announces)
        : Table(std::move(type), std::move(name), flags | table_flag::kPattern),
          reason_(std::move(reason)),
          announces_(announces) {}

    bool is_substitute() const { return announces_; }

    Result<std::optional<TableEntry>> sequence(Step /*step*/) override {
        return fail(Errc::kTemporary,
                    format("table {}: sequence error: Application error", reference()));
    }

  protected:
    Lookup find_key(std::string_view /*key*/) override {
        if (announces_) {
            log_warning("{} is unavailable. {}", reference(), reason_);
        }
        return Lookup::retry(reason_);
    }

    Result<void> update_key(std::string_view /*key*/, std::string_view /*value*/) override {
        return fail(Errc::kTemporary, reason_);
    }

    Result<bool> erase_key(std::string_view /*key*/) override {
        return fail(Errc::kTemporary, reason_);
    }

  private:
    std::string reason_;
    bool announces_;
};

// environ:x - the key is the name of an environment variable.
class EnvironTable : public Table {
  public:
    explicit EnvironTable(const OpenRequest& request)
        : Table(request.type, request.name, request.flags | table_flag::kFixed) {}

  protected:
    Lookup find_key(std::string_view key) override {
        std::string variable(key);
        const char* value = std::getenv(variable.c_str());
        return value == nullptr ? Lookup::not_found() : Lookup::found(value);
    }

    Result<void> update_key(std::string_view key, std::string_view value) override {
        if (::setenv(std::string(key).c_str(), std::string(value).c_str(), 1) != 0) {
            return fail_errno("setenv");
        }
        return {};
    }
};

// unix:passwd.byname and unix:group.byname - lines as in /etc/passwd and /etc/group.
class UnixTable : public Table {
  public:
    enum class Database { kPasswd, kGroup };

    UnixTable(const OpenRequest& request, Database database)
        : Table(request.type, request.name, request.flags | table_flag::kFixed),
          database_(database) {}

  protected:
    Lookup find_key(std::string_view key) override {
        std::string account(key);
        return database_ == Database::kPasswd ? find_user(account) : find_group(account);
    }

  private:
    static Lookup find_user(const std::string& name);
    static Lookup find_group(const std::string& name);

    Database database_;
};

// Calls one of the getXXnam_r functions with a buffer that grows as needed.
template <class Entry, class Function>
Lookup get_entry(Function function, const std::string& name, Entry* entry,
                 std::vector<char>& buffer, Entry** found) {
    constexpr std::size_t kLargest = std::size_t{16} << 20;
    for (;;) {
        int error = function(name.c_str(), entry, buffer.data(), buffer.size(), found);
        if (error == ERANGE && buffer.size() < kLargest) {
            buffer.resize(buffer.size() * 2);
            continue;
        }
        if (error == EINTR) {
            continue;
        }
        // What the account databases answer for "no such name" beside 0 (getpwnam(3)).
        if (error != 0 && error != ENOENT && error != ESRCH && error != EBADF && error != EPERM) {
            return Lookup::retry(fail_errno("account lookup", error).error().message);
        }
        return Lookup::not_found();
    }
}

Lookup UnixTable::find_user(const std::string& name) {
    std::vector<char> buffer(1024);
    passwd entry = {};
    passwd* found = nullptr;
    Lookup failure = get_entry(::getpwnam_r, name, &entry, buffer, &found);
    if (found == nullptr) {
        return failure;
    }
    return Lookup::found(format("{}:x:{}:{}:{}:{}:{}", entry.pw_name, entry.pw_uid, entry.pw_gid,
                                entry.pw_gecos, entry.pw_dir, entry.pw_shell));
}

Lookup UnixTable::find_group(const std::string& name) {
    std::vector<char> buffer(1024);
    group entry = {};
    group* found = nullptr;
    Lookup failure = get_entry(::getgrnam_r, name, &entry, buffer, &found);
    if (found == nullptr) {
        return failure;
    }
    std::vector<std::string> members;
    for (char** member = entry.gr_mem; *member != nullptr; ++member) {
        members.emplace_back(*member);
    }
    return Lookup::found(format("{}:x:{}:{}", entry.gr_name, entry.gr_gid, join(members, ",")));
}

}  // namespace

OpenedTable open_static_table(const OpenRequest& request) {
    std::string value = request.name;
    if (value.starts_with('{')) {
        auto inside = strip_braces(value);
        if (!inside) {
            return fail(Errc::kSyntax,
                        format("bad static:name syntax: {}", inside.error().message));
        }
        value = std::string(*inside);
    }
    auto stored = value_from_source(value, request.flags);
    if (!stored) {
        return fail_with(stored);
    }
    return std::make_unique<StaticTable>(request, std::move(*stored));
}

OpenedTable open_fail_table(const OpenRequest& request) {
    return std::make_unique<FailTable>(request.type, request.name, request.flags,
                                       "Application error", false);
}

OpenedTable open_environ_table(const OpenRequest& request) {
    return std::make_unique<EnvironTable>(request);
}

OpenedTable open_unix_table(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    if (request.name == "passwd.byname") {
        return std::make_unique<UnixTable>(request, UnixTable::Database::kPasswd);
    }
    if (request.name == "group.byname") {
        return std::make_unique<UnixTable>(request, UnixTable::Database::kGroup);
    }
    return fail(Errc::kNotFound, format("unknown table: unix:{}", request.name));
}

bool is_unavailable(const Table& table) {
    const auto* failing = dynamic_cast<const FailTable*>(&table);
    return failing != nullptr && failing->is_substitute();
}

std::unique_ptr<Table> make_unavailable_table(std::string_view reference, TableFlags flags,
                                              std::string reason) {
    auto parts = split_first(reference, ':');
    std::string type(parts ? parts->first : reference);
    std::string name(parts ? parts->second : "");
    return std::make_unique<FailTable>(std::move(type), std::move(name), flags, std::move(reason),
                                       true);
}

}  // namespace relais
