// Rebuilding a hash: or btree: table: the entries are collected, and written by the library into a
// new file that replaces the old one.
#ifdef HAVE_BERKELEY_DB

#include <memory>

#include <db.h>
#include <sys/stat.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/maps/replacement_file.h"
#include "lib/maps/table_draft.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;
constexpr unsigned kHashEntries = 4096;  // the size that a new hash table is laid out for

struct CloseDb {
    void operator()(DB* db) const { db->close(db, 0); }
};

using DbPtr = std::unique_ptr<DB, CloseDb>;

class BdbBuilder : public Table {
  public:
    BdbBuilder(const OpenRequest& request, DBTYPE kind)
        : Table(request.type, request.name + ".db", request.flags | table_flag::kFixed),
          kind_(kind) {
        if ((flags() & kBothForms) == 0) {
            set_flags(flags() | kBothForms);
        }
    }

    Result<void> open();
    Result<void> commit() override;

  protected:
    Result<void> update_key(std::string_view key, std::string_view value) override {
        return draft_.add(key, value, flags(), name());
    }

  private:
    Result<DbPtr> make_db();
    int fill(DB* db);

    DBTYPE kind_;
    ReplacementFile file_;
    TableDraft draft_;
};

Result<void> BdbBuilder::open() {
    struct stat old = {};
    if (::stat(name().c_str(), &old) == 0 && old.st_size == 0) {
        log_warning("removing zero-length database file: {}", name());
    }
    auto file = ReplacementFile::open(name(), ReplacementFile::InPlace::kIfItMust);
    if (!file) {
        return fail_with(file);
    }
    file_ = std::move(*file);
    return {};
}

Result<DbPtr> BdbBuilder::make_db() {
    DB* made = nullptr;
    int error = ::db_create(&made, nullptr, 0);
    if (error != 0) {
        return fail_errno("create DB database", error);
    }
    DbPtr db(made);
    db->set_errcall(db.get(), [](const DB_ENV*, const char*, const char*) {});
    error = db->set_cachesize(db.get(), 0,
                              static_cast<u_int32_t>(conf().berkeley_db_create_buffer_size()), 0);
    if (error == 0 && kind_ == DB_HASH) {
        error = db->set_h_nelem(db.get(), kHashEntries);
    }
    if (error == 0) {
        error = db->open(db.get(), nullptr, file_.path().c_str(), nullptr, kind_,
                         DB_CREATE | DB_TRUNCATE, 0644);
    }
    if (error != 0) {
        // libdb has error numbers of its own, below zero.
        return fail_errno("open database " + name(), error > 0 ? error : EINVAL);
    }
    return db;
}

int BdbBuilder::fill(DB* db) {
    u_int32_t nul = (flags() & table_flag::kTryWithNul) != 0 ? 1 : 0;
    for (const TableDraft::Entry& entry : draft_.entries()) {
        DBT key = {};
        key.data = const_cast<char*>(entry.data);  // libdb does not write to it
        key.size = entry.key_size + nul;
        DBT value = {};
        value.data = const_cast<char*>(entry.value().data());
        value.size = entry.value_size + nul;
        if (int error = db->put(db, nullptr, &key, &value, 0); error != 0) {
            return error;
        }
    }
    return db->sync(db, 0);
}

Result<void> BdbBuilder::commit() {
    auto db = make_db();
    if (!db) {
        return fail_with(db);
    }
    int error = fill(db->get());
    db->reset();
    if (error != 0) {
        return fail(Errc::kSystem, format("error writing {}: {}", name(), ::db_strerror(error)));
    }
    return file_.commit();
}

}  // namespace

OpenedTable open_bdb_builder(const OpenRequest& request) {
    auto table =
        std::make_unique<BdbBuilder>(request, request.type == "btree" ? DB_BTREE : DB_HASH);
    if (auto opened = table->open(); !opened) {
        return fail_with(opened);
    }
    return table;
}

}  // namespace relais

#endif
