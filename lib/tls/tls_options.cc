#include "lib/tls/tls_options.h"

#include <array>
#include <utility>

#include "lib/base/strings.h"

namespace relais {

static constexpr std::array<std::pair<std::string_view, TlsLevel>, 6> kLevels{{
    {"none", TlsLevel::kNone},
    {"may", TlsLevel::kMay},
    {"encrypt", TlsLevel::kEncrypt},
    {"fingerprint", TlsLevel::kFingerprint},
    {"verify", TlsLevel::kVerify},
    {"secure", TlsLevel::kSecure},
}};

std::optional<TlsLevel> parse_tls_level(std::string_view word) {
    for (const auto& [name, level] : kLevels) {
        if (iequals(name, word)) {
            return level;
        }
    }
    return std::nullopt;
}

std::string_view tls_level_name(TlsLevel level) {
    return kLevels[static_cast<std::size_t>(level)].first;
}

std::optional<TlsLogLevel> parse_tls_loglevel(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, TlsLogLevel>, 10> kWords{{
        {"0", TlsLogLevel::kNone},
        {"none", TlsLogLevel::kNone},
        {"1", TlsLogLevel::kRoutine},
        {"routine", TlsLogLevel::kRoutine},
        {"2", TlsLogLevel::kVerbose},
        {"debug", TlsLogLevel::kVerbose},
        {"3", TlsLogLevel::kDump},
        {"ssl-expert", TlsLogLevel::kDump},
        {"4", TlsLogLevel::kDumpAll},
        {"ssl-developer", TlsLogLevel::kDumpAll},
    }};
    for (const auto& [word, level] : kWords) {
        if (iequals(word, text)) {
            return level;
        }
    }
    return std::nullopt;
}

}  // namespace relais
