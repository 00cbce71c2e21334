#include "lib/maps/later_table.h"

#include <algorithm>
#include <string>

#include "lib/base/strings.h"
#include "lib/maps/databases/client_settings.h"
#include "lib/maps/databases/kerberos_files.h"
#include "lib/maps/table_needs.h"

namespace relais {

namespace {

void note_database(ClientSettings& settings) {
    if (std::string database = settings.text("dbpath"); !database.empty()) {
        note_table_file(database);
    }
}

void note_tickets(ClientSettings& settings) {
    if (iequals(settings.text("bind"), "sasl")) {
        note_kerberos_files();
    }
}

struct TypeWithNeeds {
    std::string_view type;
    void (*note)(ClientSettings& settings);
};

constexpr TypeWithNeeds kTypes[] = {{"sqlite", note_database}, {"ldap", note_tickets}};

}  // namespace

void note_later_table(std::string_view reference) {
    const auto parts = split_first(reference, ':');
    const auto* known = parts ? std::ranges::find(kTypes, parts->first, &TypeWithNeeds::type)
                              : std::ranges::end(kTypes);
    if (known == std::ranges::end(kTypes)) {
        return;
    }
    if (auto settings = ClientSettings::load(std::string(parts->second))) {
        known->note(*settings);
    }
}

}  // namespace relais
