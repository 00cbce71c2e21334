// Rebuilding an lmdb: table: the entries are collected, and written in the order of their keys into
// a new file that replaces the old one.
#include <algorithm>

#include <fcntl.h>

#include "lib/config/config.h"
#include "lib/maps/files/lmdb_env.h"
#include "lib/maps/files/replacement_file.h"
#include "lib/maps/files/table_draft.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;

class LmdbBuilder : public Table {
  public:
    explicit LmdbBuilder(const OpenRequest& request)
        : Table(request.type, request.name, request.flags | table_flag::kFixed),
          path_(request.name + ".lmdb") {
        if ((flags() & kBothForms) == 0) {
            set_flags(flags() | kBothForms);
        }
    }

    Result<void> open() {
        auto file = ReplacementFile::open(path_, ReplacementFile::InPlace::kNever);
        if (file) {
            file_ = std::move(*file);
            return {};
        }
        // The directory may not be written, but perhaps the table.
        in_place_ = true;
        return open_env(path_, static_cast<std::size_t>(conf().lmdb_map_size()));
    }

    Result<void> commit() override;

  protected:
    Result<void> update_key(std::string_view key, std::string_view value) override {
        if (key.size() + nul() > kLongestLmdbKey || key.size() + nul() == 0) {
            return LmdbEnv::fail("error updating", reference(), MDB_BAD_VALSIZE);
        }
        return draft_.add(key, value, flags(), reference());
    }

  private:
    std::size_t nul() const { return (flags() & table_flag::kTryWithNul) != 0 ? 1 : 0; }

    Result<void> open_env(const std::string& path, std::size_t room);
    int fill();
    int fill(MDB_txn* transaction);

    std::string path_;
    ReplacementFile file_;
    std::optional<LmdbEnv> env_;
    TableDraft draft_;
    bool in_place_ = false;
};

Result<void> LmdbBuilder::open_env(const std::string& path, std::size_t room) {
    auto env = LmdbEnv::open(path, LmdbEnv::Access::kWrite, room);
    if (!env) {
        return fail_with(env);
    }
    env_ = std::move(*env);
    return {};
}

// Keys in the library's order are put one behind the other, into full pages.
int LmdbBuilder::fill(MDB_txn* transaction) {
    int status = in_place_ ? ::mdb_drop(transaction, env_->database(), 0) : 0;
    MDB_cursor* made = nullptr;
    if (status == 0) {
        status = ::mdb_cursor_open(transaction, env_->database(), &made);
    }
    MdbCursorPtr cursor(made);
    for (const TableDraft::Entry& entry : draft_.entries()) {
        if (status != 0) {
            break;
        }
        MDB_val key = mdb_val_of(entry.key());
        MDB_val value = mdb_val_of(entry.value());
        status = ::mdb_cursor_put(made, &key, &value, MDB_APPEND);
    }
    return status;
}

int LmdbBuilder::fill() {
    TransactionPtr transaction;
    int status = env_->begin_write(transaction);
    if (status == 0) {
        status = fill(transaction.get());
    }
    if (status == 0) {
        status = ::mdb_txn_commit(transaction.release());
    }
    return status;
}

Result<void> LmdbBuilder::commit() {
    draft_.sort_by_key();
    if (!in_place_) {
        // Pages are rarely less than half full.
        std::size_t room = std::max(static_cast<std::size_t>(conf().lmdb_map_size()),
                                    draft_.total_size() * 2 + draft_.entries().size() * 32);
        if (auto opened = open_env(file_.path(), room); !opened) {
            return opened;
        }
    }
    int status = in_place_ ? env_->lock(F_WRLCK) : 0;
    if (status == 0) {
        status = fill();
    }
    while (status == MDB_MAP_FULL) {
        status = env_->grow();
        if (status == 0) {
            status = fill();
        }
    }
    env_.reset();
    if (status != 0) {
        return LmdbEnv::fail("error updating", reference(), status);
    }
    return in_place_ ? Result<void>() : file_.commit();
}

}  // namespace

OpenedTable open_lmdb_builder(const OpenRequest& request) {
    auto table = std::make_unique<LmdbBuilder>(request);
    if (auto opened = table->open(); !opened) {
        return fail_with(opened);
    }
    return table;
}

}  // namespace relais
