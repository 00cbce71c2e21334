// Host names, literals and IP addresses: see the header.
#include "lib/mail/hostname.h"

#include <algorithm>

#include <arpa/inet.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxLabel = 63;

bool is_name_byte(char c) {
    return is_alnum(c) || c == '_' || static_cast<unsigned char>(c) > 127;
}

}  // namespace

Result<void> check_hostname(std::string_view name) {
    if (name.empty()) {
        return fail(Errc::kSyntax, "empty hostname");
    }
    std::size_t label = 0;
    bool only_digits = true;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const char next = i + 1 < name.size() ? name[i + 1] : '\0';
        if (is_name_byte(c)) {
            if (++label > kMaxLabel) {
                return fail(Errc::kSyntax, format("hostname label too long: {}", name));
            }
            only_digits = only_digits && is_digit(c);
        } else if (c == '.') {
            if (label == 0 || next == '\0') {
                return fail(Errc::kSyntax, format("misplaced delimiter in hostname: {}", name));
            }
            label = 0;
        } else if (c == '-') {
            only_digits = false;
            if (++label == 1 || next == '\0' || next == '.') {
                return fail(Errc::kSyntax, format("misplaced hyphen: {}", name));
            }
        } else {
            return fail(Errc::kSyntax, format("invalid character {} in hostname: {}",
                                              static_cast<unsigned char>(c), name));
        }
    }
    if (only_digits) {
        return fail(Errc::kSyntax, format("numeric hostname: {}", name));
    }
    if (name.size() > kMaxName) {
        return fail(Errc::kSyntax, "hostname too long");
    }
    return {};
}

bool is_hostname(std::string_view name) {
    return check_hostname(name).has_value();
}

bool is_ipv4(std::string_view text) {
    if (text.size() > 15 ||
        !std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; })) {
        return false;
    }
    in_addr address{};
    return inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

bool is_ipv6(std::string_view text) {
    if (text.size() > 45 || text.find('\0') != std::string_view::npos) {
        return false;
    }
    in6_addr address{};
    return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

bool is_ip_address(std::string_view text) {
    return text.find(':') == std::string_view::npos ? is_ipv4(text) : is_ipv6(text);
}

std::string literal_address(std::string_view inside) {
    if (istarts_with(inside, "IPv6:")) {
        const auto address = inside.substr(5);
        return is_ipv6(address) ? std::string(address) : std::string();
    }
    return is_ip_address(inside) ? std::string(inside) : std::string();
}

bool is_address_literal(std::string_view bracketed) {
    return bracketed.size() > 2 && bracketed.front() == '[' && bracketed.back() == ']' &&
           !literal_address(bracketed.substr(1, bracketed.size() - 2)).empty();
}

Result<HostPort> parse_host_port(std::string_view text, std::string_view default_port) {
    HostPort result;
    result.port = default_port;
    std::string_view rest;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) {
            return fail(Errc::kSyntax, format("missing \"]\": {}", text));
        }
        result.bracketed = true;
        result.host = text.substr(1, close - 1);
        if (const auto plain = literal_address(result.host); !plain.empty()) {
            result.host = plain;
        }
        rest = text.substr(close + 1);
    } else {
        const auto colon = text.rfind(':');
        result.host = text.substr(0, colon);
        rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    }
    if (result.host.empty()) {
        return fail(Errc::kSyntax, format("missing host information: {}", text));
    }
    if (!rest.empty()) {
        if (rest.front() != ':' || rest.size() == 1) {
            return fail(Errc::kSyntax, format("garbage after \"]\" or \":\": {}", text));
        }
        result.port = rest.substr(1);
    }
    return result;
}

}  // namespace relais
