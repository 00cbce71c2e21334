// Dovecot's configuration files as they stand (2.3's syntax): dovecot.conf, and the flat ones that
// it names (dovecot-sql.conf.ext, dovecot-ldap.conf.ext).
//
//     name = value            name = "a quoted \" value"      name = <file that holds the value
//     type [name] { ... }     !include PATTERN                !include_try PATTERN
//
// "#" begins a comment at the start of a line and behind a blank; a backslash at the end of a line
// goes on with the next one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct DovecotSetting {
    std::string name;  // "!include" and "!include_try", too
    std::string value;
    std::size_t line = 0;
    bool in_file = false;         // the value is the name of a file that holds it
    std::string file = {};        // where it stands
    std::string value_file = {};  // where the value comes from, once it has been read
};

struct DovecotSection {
    std::string type;  // empty: the file
    std::string name;
    std::size_t line = 0;
    std::vector<DovecotSetting> settings;  // in their order
    std::vector<DovecotSection> sections;
    std::string file;  // where it begins

    // The last setting of this name; null when there is none.
    const DovecotSetting* find(std::string_view setting) const;
    // Its value; empty when there is none.
    std::string_view get(std::string_view setting) const;
};

// `path` is for messages.  kSyntax: names file and line.
[[nodiscard]] Result<DovecotSection> parse_dovecot_conf(std::string_view text,
                                                        const std::string& path);

// Reads a dovecot.conf with all that it includes, which stands where the includes were.
[[nodiscard]] Result<DovecotSection> load_dovecot_tree(const std::string& path);

// Reads and parses a file without sections; values in files (<) are read.
[[nodiscard]] Result<DovecotSection> load_flat_dovecot_conf(const std::string& path);

}  // namespace relais
