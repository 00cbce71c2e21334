#include "lib/tls/tls_protocols.h"

#include <array>
#include <charconv>
#include <optional>

#include <openssl/ssl.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kSeparators = " \t\r\n,:";

struct Version {
    std::string_view name;
    int number;
    std::uint64_t off;
};

constexpr std::array<Version, 6> kTlsVersions{{
    {"SSLv2", 0x0002, 0},
    {"SSLv3", SSL3_VERSION, SSL_OP_NO_SSLv3},
    {"TLSv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
    {"TLSv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
    {"TLSv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
    {"TLSv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
}};

constexpr unsigned kAllVersions = (1U << kTlsVersions.size()) - 1;

template <class Int>
std::optional<Int> parse_hex(std::string_view text) {
    if (!istarts_with(text, "0x")) {
        return std::nullopt;
    }
    text.remove_prefix(2);
    Int value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::size_t> find_version(std::string_view name) {
    for (std::size_t i = 0; i < kTlsVersions.size(); ++i) {
        if (iequals(kTlsVersions[i].name, name)) {
            return i;
        }
    }
    return std::nullopt;
}

// A bound may also be a number, for versions that this table does not know yet.
std::optional<int> bound_version(std::string_view name) {
    if (auto index = find_version(name)) {
        return kTlsVersions[*index].number;
    }
    auto number = parse_hex<int>(name);
    return number && *number > 0 && *number <= 0xffff ? number : std::nullopt;
}

struct Word {
    std::string_view name;
    std::uint64_t bits;
};

template <std::size_t N>
std::uint64_t parse_bits(std::string_view text, const std::array<Word, N>& words,
                         std::string_view what) {
    std::uint64_t bits = 0;
    for (std::string_view word : split_words(text, kSeparators)) {
        if (auto number = parse_hex<std::uint64_t>(word)) {
            bits |= *number;
            continue;
        }
        bool known = false;
        for (const Word& entry : words) {
            if (iequals(entry.name, word)) {
                bits |= entry.bits;
                known = true;
            }
        }
        if (!known) {
            log_warning("unknown {} value \"{}\" in \"{}\"", what, printable(word),
                        printable(text));
        }
    }
    return bits;
}

}  // namespace

Result<TlsProtocolSet> parse_tls_protocols(std::string_view text) {
    TlsProtocolSet set;
    unsigned included = 0;
    for (std::string_view word : split_words(text, kSeparators)) {
        bool lower = word.starts_with(">=");
        if (lower || word.starts_with("<=")) {
            if (word.size() == 2) {
                continue;  // no bound
            }
            auto number = bound_version(word.substr(2));
            if (!number) {
                return fail(Errc::kSyntax, format("unknown TLS protocol in \"{}\"", word));
            }
            (lower ? set.lowest : set.highest) = *number;
            continue;
        }
        bool exclude = word.starts_with('!');
        auto index = find_version(exclude ? word.substr(1) : word);
        if (!index) {
            return fail(Errc::kSyntax, format("unknown TLS protocol in \"{}\"", word));
        }
        (exclude ? set.excluded : included) |= 1U << *index;
    }
    if (included != 0) {
        set.excluded |= kAllVersions & ~included;
    }
    return set;
}

std::uint64_t tls_exclusion_options(const TlsProtocolSet& protocols) {
    std::uint64_t options = 0;
    for (std::size_t i = 0; i < kTlsVersions.size(); ++i) {
        if ((protocols.excluded >> i & 1U) != 0) {
            options |= kTlsVersions[i].off;
        }
    }
    return options;
}

Result<std::string> tls_cipher_list(const TlsCipherLists& lists, std::string_view grade,
                                    std::string_view exclusions) {
    std::string list;
    if (iequals(grade, "high")) {
        list = lists.high;
    } else if (iequals(grade, "medium") || iequals(grade, "low") || iequals(grade, "export")) {
        list = lists.medium;
    } else if (iequals(grade, "null")) {
        list = lists.null;
    } else {
        return fail(Errc::kSyntax, format("invalid cipher grade: \"{}\"", grade));
    }
    for (std::string_view word : split_words(exclusions, kSeparators)) {
        // "+" joins two properties; any other operator of the list language has no place here.
        if (word.find_first_of("!+-@;") == 0) {
            return fail(Errc::kSyntax,
                        format("invalid unary '!+-@' in cipher exclusion: {}", word));
        }
        list += ":!";
        list += word;
    }
    return list;
}

std::uint64_t parse_ssl_options(std::string_view text) {
    static constexpr std::array<Word, 8> kWords{{
        {"ENABLE_MIDDLEBOX_COMPAT", SSL_OP_ENABLE_MIDDLEBOX_COMPAT},
        {"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
        {"NO_TICKET", SSL_OP_NO_TICKET},
        {"NO_COMPRESSION", SSL_OP_NO_COMPRESSION},
        {"NO_RENEGOTIATION", SSL_OP_NO_RENEGOTIATION},
        {"NO_SESSION_RESUMPTION_ON_RENEGOTIATION", SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION},
        {"PRIORITIZE_CHACHA", SSL_OP_PRIORITIZE_CHACHA},
        {"TLSEXT_PADDING", SSL_OP_TLSEXT_PADDING},
    }};
    return parse_bits(text, kWords, "tls_ssl_options");
}

std::uint64_t parse_workarounds(std::string_view text) {
    // Those that OpenSSL 3 has no code for any more are accepted, with no bits.
    static constexpr std::array<Word, 11> kWords{{
        {"MICROSOFT_SESS_ID_BUG", 0},
        {"NETSCAPE_CHALLENGE_BUG", 0},
        {"LEGACY_SERVER_CONNECT", SSL_OP_LEGACY_SERVER_CONNECT},
        {"NETSCAPE_REUSE_CIPHER_CHANGE_BUG", 0},
        {"SSLREF2_REUSE_CERT_TYPE_BUG", 0},
        {"MICROSOFT_BIG_SSLV3_BUFFER", 0},
        {"MSIE_SSLV2_RSA_PADDING", 0},
        {"SSLEAY_080_CLIENT_DH_BUG", 0},
        {"TLS_D5_BUG", 0},
        {"CRYPTOPRO_TLSEXT_BUG", SSL_OP_CRYPTOPRO_TLSEXT_BUG},
        {"DONT_INSERT_EMPTY_FRAGMENTS", SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS},
    }};
    return parse_bits(text, kWords, "tls_disable_workarounds");
}

}  // namespace relais
