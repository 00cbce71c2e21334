#include "lib/maps/later_table.h"

#include <string>

#include "lib/base/strings.h"
#include "lib/maps/databases/client_settings.h"
#include "lib/maps/table_needs.h"

namespace relais {

void note_later_table(std::string_view reference) {
    const auto parts = split_first(reference, ':');
    if (!parts || parts->first != "sqlite") {
        return;
    }
    auto settings = ClientSettings::load(std::string(parts->second));
    if (std::string database = settings ? settings->text("dbpath") : ""; !database.empty()) {
        note_table_file(database);
    }
}

}  // namespace relais
