// lmdb: tables, NAME.lmdb.  Keys and values carry a final NUL as in hash: tables.  Readers see the
// newest state at each lookup; a table that was replaced is opened anew.
//
// Single updates are transactions of their own, those of `postmap -i` are one together.  Rebuilding
// is in lmdb_builder.cc.
#include <cerrno>

#include <fcntl.h>

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/maps/files/key_forms.h"
#include "lib/maps/files/lmdb_env.h"
#include "lib/maps/files/replacement_file.h"
#include "lib/maps/files/table_draft.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;
constexpr int kTries = 10;  // each time, somebody replaced the table, or filled it

class LmdbTable : public Table {
  public:
    explicit LmdbTable(const OpenRequest& request)
        : Table(request.type, request.name,
                request.flags | table_flag::kFixed | table_flag::kMultiWriter),
          access_(request.mode == OpenMode::kRead ? LmdbEnv::Access::kRead
                                                  : LmdbEnv::Access::kWrite),
          path_(request.name + ".lmdb") {
        if ((flags() & kBothForms) == 0) {
            set_flags(flags() | kBothForms);
        }
    }

    Result<void> open();
    Result<std::optional<TableEntry>> sequence(Step step) override;
    Result<void> commit() override;

    bool changed() const override { return env_ && env_->was_replaced(); }

    bool refresh() override { return !changed() || open().has_value(); }

    void begin_batch() override;
    void end_batch() override;

  protected:
    Lookup find_key(std::string_view key) override;
    Result<void> update_key(std::string_view key, std::string_view value) override;
    Result<bool> erase_key(std::string_view key) override;

    std::unexpected<Error> failed(std::string_view what, int status) const {
        return LmdbEnv::fail(what, reference(), status);
    }

  private:
    bool is_bulk() const { return (flags() & table_flag::kBulkUpdate) != 0; }

    bool locks() const { return (flags() & table_flag::kLock) != 0; }

    // A transaction on what is on disk now, under a lock that keeps writers out.
    int begin_read();
    void end_read();
    int get(std::string_view key, bool with_nul, std::string& value);
    // Runs `change` in a transaction, again where the file has to grow first.
    template <class Change>
    int write(Change change);
    template <class Change>
    int write_once(Change change);
    template <class Access>
    int try_forms(Access access);
    int put(MDB_txn* transaction, std::string_view key, std::string_view value);
    int erase(MDB_txn* transaction, std::string_view key, bool with_nul) const;
    int put_in_bulk(std::string_view key, std::string_view value);
    int begin_bulk();
    int grow_bulk();
    int step_cursor(Step step, MDB_val& key, MDB_val& value);

    LmdbEnv::Access access_;
    std::string path_;
    std::optional<LmdbEnv> env_;
    bool in_batch_ = false;
    std::string key_;    // a copy that a NUL follows
    std::string value_;  // the same
    std::string last_;   // where sequence() stands
    // Of postmap -i: its one transaction, and what was put there, for when it starts anew.
    TransactionPtr bulk_;
    std::vector<TableEntry> pending_;
};

Result<void> LmdbTable::open() {
    auto room = static_cast<std::size_t>(conf().lmdb_map_size());
    auto env = LmdbEnv::open(path_, access_, room);
    if (!env) {
        return fail_with(env);
    }
    env_.reset();
    env_ = std::move(*env);
    struct stat it = {};
    if (::fstat(env_->fd(), &it) == 0) {
        set_owner(it.st_uid);
        warn_if_outdated(path_, name(), it);
    }
    return {};
}

int LmdbTable::begin_read() {
    if (in_batch_) {
        return 0;
    }
    for (int i = 0; i < kTries; ++i) {
        if (int error = locks() ? env_->lock(F_RDLCK) : 0; error != 0) {
            return error;
        }
        // Out of reach (behind the jail, say), the old table still answers.
        if (!env_->was_replaced() || !open()) {
            return env_->begin_read();
        }
    }
    return EBUSY;
}

void LmdbTable::end_read() {
    if (in_batch_) {
        return;
    }
    env_->end_read();
    if (locks()) {
        env_->lock(F_UNLCK);
    }
}

void LmdbTable::begin_batch() {
    in_batch_ = begin_read() == 0;
}

void LmdbTable::end_batch() {
    if (std::exchange(in_batch_, false)) {
        end_read();
    }
}

int LmdbTable::get(std::string_view key, bool with_nul, std::string& value) {
    key_.assign(key);
    MDB_val wanted = mdb_val_of(std::string_view(key_.c_str(), key.size() + (with_nul ? 1 : 0)));
    // What cannot be stored is not there.
    if (wanted.mv_size == 0 || wanted.mv_size > kLongestLmdbKey) {
        return MDB_NOTFOUND;
    }
    MDB_val found = {};
    int status = ::mdb_get(env_->reader(), env_->database(), &wanted, &found);
    if (status == 0) {
        std::string_view text = view_of(found);
        value.assign(text.substr(0, text.find('\0')));
    }
    return status;
}

template <class Access>
int LmdbTable::try_forms(Access access) {
    TableFlags forms = flags();
    int error = try_key_forms(forms, MDB_NOTFOUND, access);
    set_flags(forms);
    return error;
}

Lookup LmdbTable::find_key(std::string_view key) {
    if (key.find('\0') != std::string_view::npos) {
        return Lookup::not_found();
    }
    std::string value;
    int status = begin_read();
    if (status == 0) {
        status = try_forms([&](bool with_nul) { return get(key, with_nul, value); });
    }
    end_read();
    if (status == MDB_NOTFOUND) {
        return Lookup::not_found();
    }
    if (status != 0) {
        return Lookup::retry(failed("error reading", status).error().message);
    }
    return Lookup::found(std::move(value));
}

template <class Change>
int LmdbTable::write_once(Change change) {
    if (int error = locks() ? env_->lock(F_WRLCK) : 0; error != 0) {
        return error;
    }
    int status = MDB_NOTFOUND;
    if (env_->was_replaced() && open()) {
        return MDB_MAP_RESIZED;  // the caller comes again
    }
    TransactionPtr transaction;
    status = env_->begin_write(transaction);
    if (status == 0) {
        status = change(transaction.get());
    }
    if (status == 0) {
        status = ::mdb_txn_commit(transaction.release());
    }
    return status;
}

template <class Change>
int LmdbTable::write(Change change) {
    int status = EBUSY;
    for (int i = 0; i < 64; ++i) {
        status = write_once(change);
        if (status == MDB_MAP_FULL) {
            status = env_->grow();
            if (status == 0) {
                continue;
            }
        }
        if (status != MDB_MAP_RESIZED) {
            break;
        }
    }
    if (locks()) {
        env_->lock(F_UNLCK);
    }
    return status;
}

int LmdbTable::put(MDB_txn* transaction, std::string_view key, std::string_view value) {
    std::size_t nul = (flags() & table_flag::kTryWithNul) != 0 ? 1 : 0;
    key_.assign(key);
    value_.assign(value);
    MDB_val stored_key = mdb_val_of(std::string_view(key_.c_str(), key.size() + nul));
    MDB_val stored_value = mdb_val_of(std::string_view(value_.c_str(), value.size() + nul));
    unsigned flag = (flags() & table_flag::kReplace) != 0 ? 0 : MDB_NOOVERWRITE;
    return ::mdb_put(transaction, env_->database(), &stored_key, &stored_value, flag);
}

Result<void> LmdbTable::update_key(std::string_view key, std::string_view value) {
    if (access_ == LmdbEnv::Access::kRead) {
        return fail(Errc::kDenied, format("table {}: opened for reading", reference()));
    }
    int status = is_bulk() ? put_in_bulk(key, value)
                           : write([&](MDB_txn* txn) { return put(txn, key, value); });
    if (status == MDB_KEYEXIST) {
        return report_duplicate(key, flags(), reference());
    }
    if (status != 0) {
        return failed("error updating", status);
    }
    return {};
}

int LmdbTable::begin_bulk() {
    int status = locks() ? env_->lock(F_WRLCK) : 0;
    if (status == 0 && env_->was_replaced() && open() && locks()) {
        status = env_->lock(F_WRLCK);
    }
    return status == 0 ? env_->begin_write(bulk_) : status;
}

// A file that has to grow loses the transaction: it begins anew in the larger file.
int LmdbTable::grow_bulk() {
    bulk_.reset();
    int status = env_->grow();
    if (status == 0) {
        status = env_->begin_write(bulk_);
    }
    for (const auto& [key, value] : pending_) {
        if (status == 0) {
            status = put(bulk_.get(), key, value);
        }
    }
    return status;
}

int LmdbTable::put_in_bulk(std::string_view key, std::string_view value) {
    int status = bulk_ ? 0 : begin_bulk();
    if (status == 0) {
        status = put(bulk_.get(), key, value);
    }
    while (status == MDB_MAP_FULL) {
        status = grow_bulk();
        if (status == 0) {
            status = put(bulk_.get(), key, value);
        }
    }
    if (status == 0) {
        pending_.push_back({std::string(key), std::string(value)});
    }
    return status;
}

Result<void> LmdbTable::commit() {
    int status = bulk_ ? ::mdb_txn_commit(bulk_.release()) : 0;
    while (status == MDB_MAP_FULL) {
        status = grow_bulk();
        if (status == 0) {
            status = ::mdb_txn_commit(bulk_.release());
        }
    }
    pending_.clear();
    if (locks()) {
        env_->lock(F_UNLCK);
    }
    if (status != 0) {
        return failed("error updating", status);
    }
    return {};
}

int LmdbTable::erase(MDB_txn* transaction, std::string_view key, bool with_nul) const {
    std::string stored(key);
    MDB_val wanted = mdb_val_of(std::string_view(stored.c_str(), key.size() + (with_nul ? 1 : 0)));
    if (wanted.mv_size == 0 || wanted.mv_size > kLongestLmdbKey) {
        return MDB_NOTFOUND;
    }
    return ::mdb_del(transaction, env_->database(), &wanted, nullptr);
}

Result<bool> LmdbTable::erase_key(std::string_view key) {
    if (access_ == LmdbEnv::Access::kRead) {
        return fail(Errc::kDenied, format("table {}: opened for reading", reference()));
    }
    int status = try_forms([&](bool with_nul) {
        return write([&](MDB_txn* transaction) { return erase(transaction, key, with_nul); });
    });
    if (status != 0 && status != MDB_NOTFOUND) {
        return failed("error deleting from", status);
    }
    return status == 0;
}

// The walk holds no lock between its steps: it remembers the key where it stands.
int LmdbTable::step_cursor(Step step, MDB_val& key, MDB_val& value) {
    MDB_cursor* made = nullptr;
    int status = ::mdb_cursor_open(env_->reader(), env_->database(), &made);
    MdbCursorPtr cursor(made);
    if (status != 0) {
        return status;
    }
    if (step == Step::kFirst || last_.empty()) {
        return ::mdb_cursor_get(made, &key, &value, MDB_FIRST);
    }
    key = mdb_val_of(last_);
    status = ::mdb_cursor_get(made, &key, &value, MDB_SET_RANGE);
    if (status == 0 && view_of(key) == last_) {
        status = ::mdb_cursor_get(made, &key, &value, MDB_NEXT);
    }
    return status;
}

Result<std::optional<TableEntry>> LmdbTable::sequence(Step step) {
    std::optional<TableEntry> entry;
    MDB_val key = {};
    MDB_val value = {};
    int status = begin_read();
    if (status == 0) {
        status = step_cursor(step, key, value);
    }
    if (status == 0) {
        std::string_view text = view_of(key);
        std::string_view content = view_of(value);
        entry = TableEntry{std::string(text.substr(0, text.find('\0'))),
                           std::string(content.substr(0, content.find('\0')))};
        last_ = text;
    }
    end_read();
    if (status != 0 && status != MDB_NOTFOUND) {
        return failed("error seeking", status);
    }
    return entry;
}

}  // namespace

OpenedTable open_lmdb_table(const OpenRequest& request) {
    if (request.mode == OpenMode::kRebuild) {
        return open_lmdb_builder(request);
    }
    auto table = std::make_unique<LmdbTable>(request);
    if (auto opened = table->open(); !opened) {
        return fail_with(opened);
    }
    return table;
}

}  // namespace relais
