// The base of tables that are looked up through a blocking client library: SQL and LDAP.  Commands
// and processes that do one thing at a time call it directly; daemons that serve many hand the
// lookup to a worker process.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/maps/databases/client_settings.h"
#include "lib/maps/databases/dynamic_maps.h"
#include "lib/maps/databases/key_template.h"
#include "lib/maps/databases/table_workers.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table.h"
#include "lib/maps/table_types.h"

namespace relais {

class ClientTable : public Table {
  public:
    // kYes: the server may be slow.
    enum class MayWait { kNo, kYes };

    bool waits() const override { return may_wait_ == MayWait::kYes; }

  protected:
    ClientTable(const OpenRequest& request, MayWait may_wait);

    // What all of these types have: `domain`, `result_format`, `expansion_limit`.
    [[nodiscard]] Result<void> read_common(ClientSettings& settings, std::string_view format = "%s",
                                           int limit = 0);

    // Asks the server, and blocks meanwhile.
    virtual Lookup ask(std::string_view key) = 0;
    // In a worker process: the parent's connections are let be.
    virtual void abandon_connections() = 0;

    // False for keys that `domain` leaves out.
    std::optional<Lookup> refuse_key(std::string_view key) const;

    Lookup find_key(std::string_view key) override { return ask(key); }

    Task<Lookup> lookup_key(std::string key) override;

    // Counts a value in; false when there are more than expansion_limit.
    bool within_limit(int& count) const {
        return expansion_limit_ <= 0 || ++count <= expansion_limit_;
    }

    const KeyTemplates& templates() const { return templates_; }

    KeyTemplates& templates() { return templates_; }

    const std::string& result_format() const { return result_format_; }

    int expansion_limit() const { return expansion_limit_; }

  private:
    MayWait may_wait_;
    KeyTemplates templates_;
    std::string result_format_;
    int expansion_limit_ = 0;
    bool has_domains_ = false;
    MatchList domains_;
    std::unique_ptr<TableWorkers> workers_;
};

// Opens a table of a type whose client library is behind a plug-in.  `plugin_kind` is what the
// plug-in must say of itself; it gives the Driver that AnyTable::open() talks through.
template <class AnyTable, class Driver>
OpenedTable open_client_table(const OpenRequest& request, std::string_view plugin_kind) {
    auto function = load_table_plugin(request.type, plugin_kind);
    if (!function) {
        return fail_with(function);
    }
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto settings = ClientSettings::load(request.name);
    if (!settings) {
        return fail_with(settings);
    }
    const auto* driver = reinterpret_cast<const Driver* (*)()>(*function)();
    auto table = std::make_unique<AnyTable>(request);
    if (auto opened = table->open(*settings, driver); !opened) {
        return fail_with(opened);
    }
    return table;
}

}  // namespace relais
