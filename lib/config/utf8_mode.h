// Whether bytes outside ASCII are text in this configuration, or to be shown as "?".
#pragma once

#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

[[nodiscard]] inline Utf8 utf8_mode() {
    return conf().smtputf8_enable() ? Utf8::kYes : Utf8::kNo;
}

}  // namespace relais
