#include "lib/tls/tls_options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

static constexpr std::array<std::pair<std::string_view, TlsLevel>, 9> kLevels{{
    {"none", TlsLevel::kNone},
    {"may", TlsLevel::kMay},
    {"encrypt", TlsLevel::kEncrypt},
    {"fingerprint", TlsLevel::kFingerprint},
    {"half-dane", TlsLevel::kHalfDane},
    {"dane", TlsLevel::kDane},
    {"dane-only", TlsLevel::kDaneOnly},
    {"verify", TlsLevel::kVerify},
    {"secure", TlsLevel::kSecure},
}};

std::optional<TlsLevel> parse_tls_level(std::string_view word) {
    for (const auto& [name, level] : kLevels) {
        if (iequals(name, word) && level != TlsLevel::kHalfDane) {
            return level;
        }
    }
    return std::nullopt;
}

std::string_view tls_level_name(TlsLevel level) {
    return kLevels[static_cast<std::size_t>(level)].first;
}

std::string tlsa_text(const TlsaRecord& record) {
    constexpr std::size_t kEnd = 32;
    std::string text = format("{} {} {} ", record.usage, record.selector, record.matching);
    const std::string& data = record.data;
    const bool cut = data.size() > 2 * kEnd;
    for (std::size_t i = 0; i < data.size(); ++i) {
        if (cut && i == kEnd) {
            text += "...";
            i = data.size() - kEnd;
        }
        text += format("{:02X}", static_cast<unsigned char>(data[i]));
    }
    return text;
}

std::vector<std::string> TlsCertificateFiles::names() const {
    std::vector<std::string> all = chain_files;
    for (const std::string& file :
         {cert_file, key_file, dsa_cert_file, dsa_key_file, ecdsa_cert_file, ecdsa_key_file}) {
        if (chain_files.empty() && !file.empty()) {
            all.push_back(file);
        }
    }
    std::ranges::sort(all);
    const auto twice = std::ranges::unique(all);
    all.erase(twice.begin(), twice.end());
    return all;
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
