// A directory for table files, and short ways to open and ask tables.
#pragma once

#include <filesystem>
#include <string>

#include <stdlib.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/maps/registry.h"

#include "tests/support/catch.h"

namespace relais {

class Scratch {
  public:
    Scratch() {
        char name[] = "/tmp/relais-maps-XXXXXX";
        path_ = ::mkdtemp(name);
        set_conf(Config::from_text("smtputf8_enable = yes\n"));
    }

    ~Scratch() { std::filesystem::remove_all(path_); }

    std::string file(const std::string& name) const { return path_ + "/" + name; }

    void write(const std::string& name, std::string_view text) const {
        REQUIRE(replace_file(file(name), text, 0644));
    }

  private:
    std::string path_;
};

inline std::unique_ptr<Table> opened(const std::string& reference,
                                     TableFlags flags = table_flag::kMail,
                                     OpenMode mode = OpenMode::kRead) {
    auto table = open_table(reference, mode, flags);
    INFO(reference << ": " << (table ? "" : table.error().message));
    REQUIRE(table);
    return std::move(*table);
}

inline std::string refusal(const std::string& reference, OpenMode mode = OpenMode::kRead) {
    auto table = open_table(reference, mode, table_flag::kMail);
    return table ? "" : table.error().message;
}

inline std::string value_of(Table& table, std::string_view key) {
    Lookup found = table.find(key);
    if (found.is_error()) {
        return "error: " + found.reason();
    }
    return found.is_found() ? "=" + found.value() : "";
}

}  // namespace relais
