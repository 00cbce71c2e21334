// hash: and btree: tables, NAME.db, opened for reading: by the reader of bdb_file.h, and by the
// library, where it was there at build time, for what that one refuses.  Keys and values normally
// carry a final NUL, which Postfix's postmap stores too; tables of other programs may lack it.
//
// Readers lock the file around each access (flock, shared), since Postfix's postmap rewrites it in
// place.  A file that was rewritten or replaced is opened anew at the next lookup.
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/maps/bdb/bdb_file.h"
#include "lib/maps/files/replacement_file.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;
// With these flags the lock that open() took is kept until the table is closed.
constexpr TableFlags kHeldLock = table_flag::kBulkUpdate | table_flag::kOpenLock;

std::string_view without_nul(std::string_view bytes) {
    return bytes.ends_with('\0') ? bytes.substr(0, bytes.size() - 1) : bytes;
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
           a.st_size == b.st_size && b.st_nlink > 0;
}

class BdbReader : public Table {
  public:
    explicit BdbReader(const OpenRequest& request)
        : Table(request.type, request.name + ".db", request.flags | table_flag::kFixed),
          kind_(request.type == "btree" ? BdbFile::Kind::kBtree : BdbFile::Kind::kHash),
          source_(request.name) {
        if ((flags() & kBothForms) == 0) {
            set_flags(flags() | kBothForms);
        }
    }

    Result<void> open();
    Result<std::optional<TableEntry>> sequence(Step step) override;
    bool changed() const override;
    bool refresh() override;

    void begin_batch() override { in_batch_ = lock().has_value(); }

    void end_batch() override {
        if (std::exchange(in_batch_, false)) {
            unlock();
        }
    }

  protected:
    Lookup find_key(std::string_view key) override;

  private:
    bool keeps_lock() const { return in_batch_ || (flags() & kHeldLock) != 0; }

    // Locks the file and makes sure that what is open is what is on disk.
    Result<void> lock();
    void unlock();
    bool was_replaced() const;
    Result<bool> find_form(std::string_view key, std::string& value);

    BdbFile::Kind kind_;
    std::string source_;
    UniqueFd file_;
    std::unique_ptr<BdbFile> db_;
    struct stat opened_ = {};
    bool in_batch_ = false;
    std::string key_;  // a copy that a NUL follows
};

Result<void> BdbReader::open() {
    auto file = open_file(name(), O_RDONLY);
    if (!file) {
        return fail_errno("open database " + name(), file.error().sys_errno);
    }
    if (int error = lock_whole_file(file->get(), LOCK_SH); error != 0) {
        return fail_errno("lock database " + name() + " for open", error);
    }
    auto cache = static_cast<std::size_t>(conf().berkeley_db_read_buffer_size());
    auto db = BdbFile::open(file->get(), kind_, cache);
    if (!db) {
        int error = db.error().sys_errno != 0 ? db.error().sys_errno : EINVAL;
        auto failed = fail_errno("open database " + name(), error);
        failed.error().code = db.error().code;
        return failed;
    }
    db_ = std::move(*db);
    file_ = std::move(*file);
    if (::fstat(file_.get(), &opened_) != 0) {
        opened_ = {};
    }
    set_owner(opened_.st_uid);
    warn_if_outdated(name(), source_, opened_);
    if (!keeps_lock()) {
        lock_whole_file(file_.get(), LOCK_UN);
    }
    return {};
}

bool BdbReader::changed() const {
    struct stat now = {};
    return ::fstat(file_.get(), &now) != 0 || !same_file(opened_, now);
}

bool BdbReader::was_replaced() const {
    struct stat now = {};
    return ::fstat(file_.get(), &now) == 0 && now.st_nlink == 0;
}

bool BdbReader::refresh() {
    bool fresh = lock() && !changed();
    unlock();
    return fresh;
}

Result<void> BdbReader::lock() {
    if (keeps_lock()) {
        return {};
    }
    constexpr int kTries = 10;  // each time, somebody replaced the table between the two steps
    for (int i = 0; i < kTries; ++i) {
        if ((flags() & table_flag::kLock) != 0) {
            if (int error = lock_whole_file(file_.get(), LOCK_SH); error != 0) {
                return fail_errno("lock " + name(), error);
            }
        }
        if (!changed()) {
            return {};
        }
        unlock();
        auto opened = open();
        // Out of reach (behind the jail, say), what is open still answers, and the process should
        // retire.
        if (!opened && was_replaced()) {
            return {};
        }
        if (!opened) {
            return opened;
        }
    }
    return fail(Errc::kTemporary, name() + " keeps changing");
}

void BdbReader::unlock() {
    if (!keeps_lock() && (flags() & table_flag::kLock) != 0) {
        lock_whole_file(file_.get(), LOCK_UN);
    }
}

// The form that is found once is the only one from then on.
Result<bool> BdbReader::find_form(std::string_view key, std::string& value) {
    Result<bool> found = false;
    if ((flags() & table_flag::kTryWithNul) != 0) {
        key_.assign(key);
        found = db_->find(std::string_view(key_.c_str(), key.size() + 1), value);
        if (found && *found) {
            set_flags(flags() & ~table_flag::kTryWithoutNul);
        }
    }
    if (found && !*found && (flags() & table_flag::kTryWithoutNul) != 0) {
        found = db_->find(key, value);
        if (found && *found) {
            set_flags(flags() & ~table_flag::kTryWithNul);
        }
    }
    return found;
}

Lookup BdbReader::find_key(std::string_view key) {
    if (key.find('\0') != std::string_view::npos) {
        return Lookup::not_found();
    }
    if (auto locked = lock(); !locked) {
        return Lookup::retry(locked.error().message);
    }
    std::string value;
    auto found = find_form(key, value);
    unlock();
    if (!found) {
        return Lookup::retry(format("error reading {}: {}", name(), found.error().message));
    }
    if (!*found) {
        return Lookup::not_found();
    }
    value.resize(without_nul(value).size());
    return Lookup::found(std::move(value));
}

Result<std::optional<TableEntry>> BdbReader::sequence(Step step) {
    if (auto locked = lock(); !locked) {
        return fail_with(locked);
    }
    if (step == Step::kFirst) {
        db_->rewind();
    }
    TableEntry entry;
    auto found = db_->next(entry.key, entry.value);
    unlock();
    if (!found) {
        return fail(Errc::kSystem, format("error seeking {}: {}", name(), found.error().message));
    }
    if (!*found) {
        return std::nullopt;
    }
    entry.key.resize(without_nul(entry.key).size());
    entry.value.resize(without_nul(entry.value).size());
    return entry;
}

}  // namespace

OpenedTable open_bdb_table(const OpenRequest& request) {
    if (request.mode == OpenMode::kRead) {
        auto table = std::make_unique<BdbReader>(request);
        auto opened = table->open();
        if (opened) {
            return table;
        }
#ifdef HAVE_BERKELEY_DB
        if (opened.error().code == Errc::kDenied) {
            return open_bdb_library_table(request);
        }
#endif
        return fail_with(opened);
    }
#ifdef HAVE_BERKELEY_DB
    return request.mode == OpenMode::kRebuild ? open_bdb_builder(request)
                                              : open_bdb_library_table(request);
#else
    std::string other = conf().default_database_type();
    if (!can_build_table_type(other)) {
        other = "lmdb";
    }
    return fail(Errc::kDenied,
                format("Berkeley DB tables can only be read in this build, not written: '{0}:{1}'; "
                       "use '{2}:{1}' instead, and default_database_type = {2}",
                       request.type, request.name, other));
#endif
}

}  // namespace relais
