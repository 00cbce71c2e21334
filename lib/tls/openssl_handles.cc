#include "lib/tls/openssl_handles.h"

#include <array>

#include "lib/base/log.h"

namespace relais {

void log_tls_errors() {
    const char* file = nullptr;
    const char* function = nullptr;
    const char* data = nullptr;
    int line = 0;
    int flags = 0;
    while (unsigned long code = ERR_get_error_all(&file, &line, &function, &data, &flags)) {
        std::array<char, 256> text{};
        ERR_error_string_n(code, text.data(), text.size());
        std::string_view detail = (flags & ERR_TXT_STRING) != 0 && data != nullptr ? data : "";
        log_warning("TLS library problem: {}:{}:{}:{}{}", text.data(), file, line, detail,
                    detail.empty() ? "" : ":");
    }
}

std::string take_tls_error() {
    unsigned long code = ERR_peek_last_error();
    const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
    std::string text = reason != nullptr ? reason : "TLS failure";
    ERR_clear_error();
    return text;
}

}  // namespace relais
