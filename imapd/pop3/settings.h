// What the parameters pop3_* say about sessions, checked once.
#pragma once

#include <string>

#include "lib/pop3/uidl_format.h"

namespace relais {

struct Pop3Settings {
    enum class Delete { kExpunge, kFlag };

    // Fatal where one has a value that is none.
    static Pop3Settings from_configuration();

    pop3::UidlFormat uidl_format;
    bool reuse_xuidl = false;
    bool rename_duplicates = false;
    Delete deletion = Delete::kExpunge;
    std::string deleted_flag;  // messages with it are not shown; empty: none
    bool replace_nul = false;
    bool end_header = false;
};

// Of this process.
[[nodiscard]] const Pop3Settings& pop3_settings();

}  // namespace relais
