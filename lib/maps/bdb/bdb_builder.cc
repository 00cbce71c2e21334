// Rebuilding a hash: or btree: table: the entries are collected, and written by the library into a
// new file that replaces the old one.
#ifdef HAVE_BERKELEY_DB

#include <algorithm>
#include <bit>
#include <memory>

#include <db.h>
#include <sys/stat.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/maps/bdb/bdb_hash.h"
#include "lib/maps/files/replacement_file.h"
#include "lib/maps/files/table_draft.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;
// The size that a small hash table is laid out for.
constexpr u_int32_t kHashEntries = 4096;
// From this size on, the layout and the order of writing follow the table's own content.
constexpr std::size_t kLargeTable = 10000;

// What an entry of a hash table takes beside key and value: two places in the page's index, and two
// kinds.
constexpr std::size_t kHashOverhead = 6;
constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kPageHeader = 26;

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
    bool is_large() const { return draft_.size() >= kLargeTable; }

    Result<DbPtr> make_db();
    int set_layout(DB* db);
    void sort_by_bucket();
    int fill(DB* db);

    DBTYPE kind_;
    u_int32_t buckets_ = 0;  // of a large hash table
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
    if (error == 0) {
        error = set_layout(db.get());
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

// As many buckets as there will be, so that none is ever split, each filling a page on average.
int BdbBuilder::set_layout(DB* db) {
    if (kind_ != DB_HASH) {
        return 0;
    }
    if (!is_large()) {
        return db->set_h_nelem(db, kHashEntries);
    }
    std::size_t entry = draft_.total_size() / draft_.size() + kHashOverhead;
    std::size_t fitting = std::max<std::size_t>((kPageSize - kPageHeader) / entry, 1);
    auto entries = static_cast<u_int32_t>(std::min<std::size_t>(draft_.size(), UINT32_MAX / 2));
    auto factor = static_cast<u_int32_t>(fitting);
    buckets_ = std::bit_ceil((entries - 1) / factor + 1);
    int error = db->set_h_ffactor(db, factor);
    if (error == 0) {
        error = db->set_pagesize(db, kPageSize);
    }
    return error == 0 ? db->set_h_nelem(db, entries) : error;
}

// Each page is written once, whatever the size of the cache.
void BdbBuilder::sort_by_bucket() {
    draft_.sort_by([this](const TableDraft::Entry& entry) {
        return bdb::hash_of(entry.key()) & (buckets_ - 1);
    });
}

int BdbBuilder::fill(DB* db) {
    if (is_large() && kind_ == DB_HASH) {
        sort_by_bucket();
    } else if (is_large()) {
        draft_.sort_by_key();
    }

    for (const TableDraft::Entry& entry : draft_.entries()) {
        DBT key = {};
        key.data = const_cast<char*>(entry.data);  // libdb does not write to it
        key.size = entry.key_size;
        DBT value = {};
        value.data = const_cast<char*>(entry.value().data());
        value.size = entry.value_size;
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
