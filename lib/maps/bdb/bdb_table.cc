// hash: and btree: tables in Berkeley DB files, NAME.db, opened by the library: to be changed, or
// to be read where the reader in bdb_reader.cc refuses.  Keys and values normally carry a final
// NUL, which Postfix's postmap stores too; tables of other programs may lack it.
//
// Readers lock the file around each access (flock, shared), since Postfix's postmap rewrites it in
// place.  A file that was rewritten or replaced is opened anew at the next lookup.  Rebuilding is
// in bdb_builder.cc.
#ifdef HAVE_BERKELEY_DB

#include <cerrno>

#include <db.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/maps/files/key_forms.h"
#include "lib/maps/files/replacement_file.h"
#include "lib/maps/files/table_draft.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;
constexpr unsigned kHashEntries = 4096;  // the size that a new hash table is laid out for
// With these flags the lock that open() took is kept until the table is closed.
constexpr TableFlags kHeldLock = table_flag::kBulkUpdate | table_flag::kOpenLock;

struct CloseDb {
    void operator()(DB* db) const { db->close(db, 0); }
};

using DbPtr = std::unique_ptr<DB, CloseDb>;

struct CloseCursor {
    void operator()(DBC* cursor) const { cursor->c_close(cursor); }
};

using CursorPtr = std::unique_ptr<DBC, CloseCursor>;

class BdbTable : public Table {
  public:
    BdbTable(const OpenRequest& request, DBTYPE kind)
        : Table(request.type, request.name + ".db", request.flags | table_flag::kFixed),
          kind_(kind),
          mode_(request.mode),
          source_(request.name),
          path_(request.name + ".db") {}

    ~BdbTable() override {
        cursor_.reset();
        db_.reset();
    }

    Result<void> open();
    Result<std::optional<TableEntry>> sequence(Step step) override;
    bool changed() const override;

    bool refresh() override {
        bool fresh = begin(LOCK_SH) && !changed();
        end();
        return fresh;
    }

  protected:
    Lookup find_key(std::string_view key) override;
    Result<void> update_key(std::string_view key, std::string_view value) override;
    Result<bool> erase_key(std::string_view key) override;

  private:
    bool writable() const { return mode_ != OpenMode::kRead; }

    Result<void> open_file_and_db();
    Result<void> open_db(const std::string& path, unsigned db_flags);
    bool was_replaced() const;
    Result<void> begin(int operation);
    void end();
    void remember();
    int get(std::string_view key, bool with_nul, std::string& value);
    int put(std::string_view key, std::string_view value);
    int remove(std::string_view key, bool with_nul);
    // Calls `access(with_nul)` for the forms of keys that the table may have, until one is there.
    template <class Access>
    int try_forms(Access access);

    DBTYPE kind_;
    OpenMode mode_;
    std::string source_;
    std::string path_;
    UniqueFd file_;  // what is locked and watched
    DbPtr db_;
    CursorPtr cursor_;
    struct stat opened_ = {};
    std::string key_;  // copies that a NUL follows
    std::string value_;
};

DBT dbt_of(std::string_view bytes) {
    DBT dbt = {};
    dbt.data = const_cast<char*>(bytes.data());  // libdb does not write to it
    dbt.size = static_cast<u_int32_t>(bytes.size());
    return dbt;
}

std::string_view without_nul(const DBT& dbt) {
    std::string_view bytes(static_cast<const char*>(dbt.data), dbt.size);
    if (bytes.ends_with('\0')) {
        bytes.remove_suffix(1);
    }
    return bytes;
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
           a.st_size == b.st_size && b.st_nlink > 0;
}

Result<void> BdbTable::open() {
    if ((flags() & kBothForms) == 0) {
        set_flags(flags() | kBothForms);
    }
    return open_file_and_db();
}

Result<void> BdbTable::open_file_and_db() {
    int access = writable() ? O_RDWR : O_RDONLY;
    auto file = open_file(path_, access);
    if (!file && file.error().sys_errno == ENOENT && mode_ == OpenMode::kCreate) {
        file = open_file(path_, O_RDWR | O_CREAT | O_EXCL, 0644);
    }
    if (!file) {
        const char* what = mode_ == OpenMode::kCreate ? "open " : "open database ";
        return fail_errno(what + path_, file.error().sys_errno);
    }
    file_ = std::move(*file);
    if (int error = lock_whole_file(file_.get(), writable() ? LOCK_EX : LOCK_SH); error != 0) {
        return fail_errno("lock database " + path_ + " for open", error);
    }
    struct stat now = {};
    unsigned db_flags = writable() ? 0 : DB_RDONLY;
    if (mode_ == OpenMode::kCreate && ::fstat(file_.get(), &now) == 0 && now.st_size == 0) {
        db_flags |= DB_CREATE | DB_TRUNCATE;
    }
    auto opened = open_db(path_, db_flags);
    if (!opened) {
        return opened;
    }
    remember();
    warn_if_outdated(path_, source_, opened_);
    if ((flags() & kHeldLock) == 0) {
        lock_whole_file(file_.get(), LOCK_UN);
    }
    return {};
}

Result<void> BdbTable::open_db(const std::string& path, unsigned db_flags) {
    DB* made = nullptr;
    int error = ::db_create(&made, nullptr, 0);
    if (error != 0) {
        return fail_errno("create DB database", error);
    }
    DbPtr db(made);
    // Its own words (dozens of lines for a file that is no database) would go to standard error.
    db->set_errcall(db.get(), [](const DB_ENV*, const char*, const char*) {});
    int cache = writable() ? conf().berkeley_db_create_buffer_size()
                           : conf().berkeley_db_read_buffer_size();
    error = db->set_cachesize(db.get(), 0, static_cast<u_int32_t>(cache), 0);
    if (error == 0 && kind_ == DB_HASH && writable()) {
        error = db->set_h_nelem(db.get(), kHashEntries);
    }
    if (error == 0) {
        error = db->open(db.get(), nullptr, path.c_str(), nullptr, kind_, db_flags, 0644);
    }
    if (error != 0) {
        // libdb has error numbers of its own, below zero.
        return fail_errno("open database " + path_, error > 0 ? error : EINVAL);
    }
    cursor_.reset();
    db_ = std::move(db);
    return {};
}

void BdbTable::remember() {
    if (::fstat(file_.get(), &opened_) == 0) {
        set_owner(opened_.st_uid);
    } else {
        opened_ = {};
    }
}

bool BdbTable::changed() const {
    struct stat now = {};
    return ::fstat(file_.get(), &now) != 0 || !same_file(opened_, now);
}

bool BdbTable::was_replaced() const {
    struct stat now = {};
    return ::fstat(file_.get(), &now) == 0 && now.st_nlink == 0;
}

// Locks the table and makes sure that what is open is what is on disk.
Result<void> BdbTable::begin(int operation) {
    if ((flags() & kHeldLock) != 0) {
        return {};
    }
    constexpr int kTries = 10;  // each time, somebody replaced the table between the two steps
    for (int i = 0; i < kTries; ++i) {
        if ((flags() & table_flag::kLock) != 0) {
            if (int error = lock_whole_file(file_.get(), operation); error != 0) {
                return fail_errno("lock " + path_, error);
            }
        }
        if (!changed()) {
            return {};
        }
        end();
        UniqueFd before = std::move(file_);
        auto opened = open_file_and_db();
        if (opened) {
            continue;
        }
        file_ = std::move(before);
        if (!was_replaced()) {
            return opened;
        }
        // Out of reach (behind the jail, say): what is open still answers, and the process should
        // retire.
        return {};
    }
    return fail(Errc::kTemporary, path_ + " keeps changing");
}

void BdbTable::end() {
    if ((flags() & kHeldLock) == 0 && (flags() & table_flag::kLock) != 0) {
        lock_whole_file(file_.get(), LOCK_UN);
    }
}

// 0, DB_NOTFOUND, or an error.
int BdbTable::get(std::string_view key, bool with_nul, std::string& value) {
    key_.assign(key);
    DBT db_key = dbt_of(std::string_view(key_.c_str(), key.size() + (with_nul ? 1 : 0)));
    DBT db_value = {};
    int error = db_->get(db_.get(), nullptr, &db_key, &db_value, 0);
    if (error == 0) {
        value.assign(without_nul(db_value));
    }
    return error;
}

template <class Access>
int BdbTable::try_forms(Access access) {
    TableFlags forms = flags();
    int error = try_key_forms(forms, DB_NOTFOUND, access);
    set_flags(forms);
    return error;
}

Lookup BdbTable::find_key(std::string_view key) {
    if (key.find('\0') != std::string_view::npos) {
        return Lookup::not_found();
    }
    if (auto begun = begin(LOCK_SH); !begun) {
        return Lookup::retry(begun.error().message);
    }
    std::string value;
    int error = try_forms([&](bool with_nul) { return get(key, with_nul, value); });
    end();
    if (error == DB_NOTFOUND) {
        return Lookup::not_found();
    }
    if (error != 0) {
        return Lookup::retry(format("error reading {}: {}", path_, ::db_strerror(error)));
    }
    return Lookup::found(std::move(value));
}

int BdbTable::put(std::string_view key, std::string_view value) {
    bool with_nul = (flags() & table_flag::kTryWithNul) != 0;
    key_.assign(key);
    value_.assign(value);
    DBT db_key = dbt_of(std::string_view(key_.c_str(), key_.size() + (with_nul ? 1 : 0)));
    DBT db_value = dbt_of(std::string_view(value_.c_str(), value_.size() + (with_nul ? 1 : 0)));
    unsigned db_flags = (flags() & table_flag::kReplace) != 0 ? 0 : DB_NOOVERWRITE;
    return db_->put(db_.get(), nullptr, &db_key, &db_value, db_flags);
}

Result<void> BdbTable::update_key(std::string_view key, std::string_view value) {
    if (!writable()) {
        return fail(Errc::kDenied, format("table {}: opened for reading", reference()));
    }
    if (auto begun = begin(LOCK_EX); !begun) {
        return begun;
    }
    int error = put(key, value);
    if (error == 0 && (flags() & table_flag::kSyncUpdate) != 0) {
        error = db_->sync(db_.get(), 0);
    }
    remember();
    end();
    if (error == DB_KEYEXIST) {
        return report_duplicate(key, flags(), path_);
    }
    if (error != 0) {
        return fail(Errc::kSystem, format("error writing {}: {}", path_, ::db_strerror(error)));
    }
    return {};
}

int BdbTable::remove(std::string_view key, bool with_nul) {
    key_.assign(key);
    DBT db_key = dbt_of(std::string_view(key_.c_str(), key.size() + (with_nul ? 1 : 0)));
    return db_->del(db_.get(), nullptr, &db_key, 0);
}

Result<bool> BdbTable::erase_key(std::string_view key) {
    if (!writable()) {
        return fail(Errc::kDenied, format("table {}: opened for reading", reference()));
    }
    if (auto begun = begin(LOCK_EX); !begun) {
        return fail_with(begun);
    }
    int error = try_forms([&](bool with_nul) { return remove(key, with_nul); });
    if (error == 0 && (flags() & table_flag::kSyncUpdate) != 0) {
        error = db_->sync(db_.get(), 0);
    }
    remember();
    end();
    if (error != 0 && error != DB_NOTFOUND) {
        return fail(Errc::kSystem,
                    format("error deleting from {}: {}", path_, ::db_strerror(error)));
    }
    return error == 0;
}

Result<std::optional<TableEntry>> BdbTable::sequence(Step step) {
    if (step == Step::kFirst || !cursor_) {
        if (auto begun = begin(LOCK_SH); !begun) {
            return fail_with(begun);
        }
        cursor_.reset();
        DBC* made = nullptr;
        int error = db_->cursor(db_.get(), nullptr, &made, 0);
        end();
        if (error != 0) {
            return fail(Errc::kSystem, format("error seeking {}: {}", path_, ::db_strerror(error)));
        }
        cursor_.reset(made);
    }
    DBT key = {};
    DBT value = {};
    int error =
        cursor_->c_get(cursor_.get(), &key, &value, step == Step::kFirst ? DB_FIRST : DB_NEXT);
    if (error == DB_NOTFOUND) {
        return std::nullopt;
    }
    if (error != 0) {
        return fail(Errc::kSystem, format("error seeking {}: {}", path_, ::db_strerror(error)));
    }
    return TableEntry{std::string(without_nul(key)), std::string(without_nul(value))};
}

}  // namespace

OpenedTable open_bdb_library_table(const OpenRequest& request) {
    auto table = std::make_unique<BdbTable>(request, request.type == "btree" ? DB_BTREE : DB_HASH);
    if (auto opened = table->open(); !opened) {
        return fail_with(opened);
    }
    return table;
}

}  // namespace relais

#endif
