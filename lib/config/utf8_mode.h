// Whether bytes outside ASCII are text in this configuration, or to be shown as "?".
#pragma once

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/casefold.h"

namespace relais {

[[nodiscard]] inline Utf8 utf8_mode() {
    return conf().smtputf8_enable() ? Utf8::kYes : Utf8::kNo;
}

// Addresses and keys that differ only in case come out the same.
[[nodiscard]] inline std::string fold_text(std::string_view text) {
    return conf().smtputf8_enable() ? fold_case(text) : lowercase(text);
}

}  // namespace relais
