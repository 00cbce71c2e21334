// cdb: tables, NAME.cdb: constant databases, which are only ever built anew and replaced.  Keys and
// values have no final NUL, unless postmap -N put it there.  The format and its bounds checks are
// tinycdb's.
#include <cerrno>
#include <cstring>

#include <cdb.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/maps/files/replacement_file.h"
#include "lib/maps/files/table_draft.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr TableFlags kBothForms = table_flag::kTryWithNul | table_flag::kTryWithoutNul;

class CdbReader : public Table {
  public:
    explicit CdbReader(const OpenRequest& request)
        : Table(request.type, request.name + ".cdb", request.flags | table_flag::kFixed),
          source_(request.name) {
        if ((flags() & kBothForms) == 0) {
            set_flags(flags() | kBothForms);
        }
    }

    ~CdbReader() override { close(); }

    Result<void> open();
    bool changed() const override;

    bool refresh() override { return !changed() || open().has_value(); }

    void begin_batch() override {
        refresh();
        in_batch_ = true;
    }

    void end_batch() override { in_batch_ = false; }

  protected:
    Lookup find_key(std::string_view key) override;

  private:
    void close() {
        if (file_) {
            ::cdb_free(&cdb_);
        }
    }

    int find_form(std::string_view key);

    std::string source_;
    UniqueFd file_;
    struct cdb cdb_ = {};
    struct stat opened_ = {};
    bool in_batch_ = false;
    std::string key_;
};

Result<void> CdbReader::open() {
    auto file = open_file(name(), O_RDONLY);
    if (!file) {
        return fail_errno("open database " + name(), file.error().sys_errno);
    }
    struct stat it = {};
    struct cdb opened = {};
    if (::fstat(file->get(), &it) != 0 || ::cdb_init(&opened, file->get()) != 0) {
        return fail_errno("dict_cdbq_open: unable to init " + name());
    }
    close();
    cdb_ = opened;
    file_ = std::move(*file);
    opened_ = it;
    set_owner(it.st_uid);
    warn_if_outdated(name(), source_, it);
    return {};
}

bool CdbReader::changed() const {
    struct stat now = {};
    return ::fstat(file_.get(), &now) != 0 || now.st_nlink == 0 ||
           now.st_mtim.tv_sec != opened_.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec || now.st_size != opened_.st_size;
}

int CdbReader::find_form(std::string_view key) {
    return ::cdb_find(&cdb_, key.data(), static_cast<unsigned>(key.size()));
}

Lookup CdbReader::find_key(std::string_view key) {
    if (!in_batch_) {
        refresh();
    }
    int found = 0;
    if ((flags() & table_flag::kTryWithNul) != 0) {
        key_.assign(key);
        found = find_form(std::string_view(key_.c_str(), key.size() + 1));
        if (found > 0) {
            set_flags(flags() & ~table_flag::kTryWithoutNul);
        }
    }
    if (found == 0 && (flags() & table_flag::kTryWithoutNul) != 0) {
        found = find_form(key);
        if (found > 0) {
            set_flags(flags() & ~table_flag::kTryWithNul);
        }
    }
    if (found == 0) {
        return Lookup::not_found();
    }
    const void* data =
        found > 0 ? ::cdb_get(&cdb_, cdb_datalen(&cdb_), cdb_datapos(&cdb_)) : nullptr;
    if (data == nullptr) {
        return Lookup::retry(format("error reading {}: {}", name(), std::strerror(errno)));
    }
    std::string_view value(static_cast<const char*>(data), cdb_datalen(&cdb_));
    value = value.substr(0, value.find('\0'));
    return Lookup::found(std::string(value));
}

class CdbBuilder : public Table {
  public:
    explicit CdbBuilder(const OpenRequest& request)
        : Table(request.type, request.name + ".cdb", request.flags | table_flag::kFixed),
          source_(request.name) {
        if ((flags() & kBothForms) != table_flag::kTryWithNul) {
            set_flags((flags() & ~kBothForms) | table_flag::kTryWithoutNul);
        }
    }

    Result<void> open() {
        auto file = ReplacementFile::open(name(), ReplacementFile::InPlace::kNever);
        if (!file) {
            return fail_with(file);
        }
        file_ = std::move(*file);
        return {};
    }

    Result<void> commit() override;

  protected:
    Result<void> update_key(std::string_view key, std::string_view value) override {
        return draft_.add(key, value, flags(), source_);
    }

  private:
    std::string source_;
    ReplacementFile file_;
    TableDraft draft_;
};

Result<void> CdbBuilder::commit() {
    struct cdb_make maker = {};
    bool ok = ::cdb_make_start(&maker, file_.fd()) == 0;
    for (const TableDraft::Entry& entry : draft_.entries()) {
        ok = ok && ::cdb_make_add(&maker, entry.data, entry.key_size, entry.value().data(),
                                  entry.value_size) == 0;
    }
    if (::cdb_make_finish(&maker) != 0 || !ok) {
        return fail_errno("error writing " + name());
    }
    return file_.commit();
}

template <class Kind>
OpenedTable make_table(const OpenRequest& request) {
    auto table = std::make_unique<Kind>(request);
    if (auto opened = table->open(); !opened) {
        return fail_with(opened);
    }
    return table;
}

}  // namespace

OpenedTable open_cdb_table(const OpenRequest& request) {
    switch (request.mode) {
        case OpenMode::kRead:
            return make_table<CdbReader>(request);
        case OpenMode::kRebuild:
            return make_table<CdbBuilder>(request);
        case OpenMode::kUpdate:
        case OpenMode::kCreate:
            break;
    }
    return fail(Errc::kDenied,
                "dict_cdb_open: inappropriate open flags for cdb database - specify O_RDONLY or "
                "O_WRONLY|O_CREAT|O_TRUNC");
}

}  // namespace relais
