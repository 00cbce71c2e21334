// Mail addresses in internal and external form: see the header.
#include "lib/mail/address.h"

#include <algorithm>
#include <array>

#include "lib/base/strings.h"

namespace relais {
namespace {

// RFC 5321 4.1.2: atoms separated by single dots.  Bytes above 127 are atoms (RFC 6531).
bool is_dot_string(std::string_view local) {
    if (local.empty() || local.front() == '.' || local.back() == '.') {
        return false;
    }
    for (std::size_t i = 0; i < local.size(); ++i) {
        const auto byte = static_cast<unsigned char>(local[i]);
        if (byte <= ' ' || byte == 127 ||
            std::string_view("()<>@,;:\\\"[]").find(local[i]) != std::string_view::npos) {
            return false;
        }
        if (local[i] == '.' && local[i + 1] == '.') {
            return false;
        }
    }
    return true;
}

// Atom characters without those that old routing syntax gives a meaning: ! and %.
constexpr auto kLocalPart = [] {
    std::array<bool, 256> chars{};
    for (std::size_t c = 0; c < chars.size(); ++c) {
        const char letter = static_cast<char>(c);
        chars[c] = is_alnum(letter) || std::string_view("#$&'*+-/=?^_`{|}~").contains(letter);
    }
    return chars;
}();

bool local_part_char(char c) {
    return kLocalPart[static_cast<unsigned char>(c)];
}

bool domain_char(char c) {
    return is_alnum(c) || c == '-' || c == '_';
}

template <class IsChar>
bool dotted_words(std::string_view text, IsChar is_char) {
    if (text.empty() || text.front() == '.' || text.back() == '.' || text.contains("..")) {
        return false;
    }
    return std::ranges::all_of(text, [&](char c) { return c == '.' || is_char(c); });
}

bool ends_with_request(std::string_view local) {
    return local.size() > 8 && iends_with(local, "-request");
}

}  // namespace

bool is_plain_address(std::string_view address) {
    auto at = address.rfind('@');
    if (at == std::string_view::npos) {
        return dotted_words(address, local_part_char);
    }
    return dotted_words(address.substr(0, at), local_part_char) &&
           dotted_words(address.substr(at + 1), domain_char);
}

std::string quote_local_part(std::string_view local) {
    if (is_dot_string(local)) {
        return std::string(local);
    }
    std::string quoted = "\"";
    for (const char c : local) {
        if (c == '"' || c == '\\' || c == '\r') {
            quoted += '\\';
        }
        quoted += c;
    }
    quoted += '"';
    return quoted;
}

std::string quote_address(std::string_view internal) {
    if (internal.empty()) {
        return {};
    }
    // A source route (RFC 5321 appendix C) is no part of the local part.
    std::size_t route = 0;
    if (internal.front() == '@') {
        const auto colon = internal.find(':');
        route = colon == std::string_view::npos ? 0 : colon + 1;
    }
    auto at = internal.rfind('@');
    at = at != std::string_view::npos && at < route ? std::string_view::npos : at;
    const auto local = internal.substr(0, at).substr(route);
    if (is_dot_string(local)) {
        return std::string(internal);
    }
    std::string quoted(internal.substr(0, route));
    quoted += quote_local_part(local);
    if (at != std::string_view::npos) {
        quoted += internal.substr(at);
    }
    return quoted;
}

std::string unquote_address(std::string_view external) {
    std::string plain;
    plain.reserve(external.size());
    if (external.starts_with('@')) {
        if (const auto colon = external.find(':'); colon != std::string_view::npos) {
            plain += external.substr(0, colon + 1);
            external.remove_prefix(colon + 1);
        }
    }
    const auto at = external.rfind('@');
    const auto local = external.substr(0, at);
    for (std::size_t i = 0; i < local.size(); ++i) {
        if (local[i] == '"') {
            continue;
        }
        if (local[i] == '\\') {
            ++i;
        }
        if (i < local.size()) {
            plain += local[i];
        }
    }
    if (at != std::string_view::npos) {
        plain += external.substr(at);
    }
    return plain;
}

AddressParts split_address(std::string_view address) {
    const auto at = address.rfind('@');
    if (at == std::string_view::npos) {
        return {address, {}, false};
    }
    return {address.substr(0, at), address.substr(at + 1), true};
}

std::string lowercase_domain(std::string_view address) {
    std::string lowered(address);
    const auto at = lowered.rfind('@');
    for (auto i = at; i < lowered.size(); ++i) {
        lowered[i] = to_lower(lowered[i]);
    }
    return lowered;
}

std::optional<std::size_t> find_extension(std::string_view local, std::string_view delimiters,
                                          std::string_view double_bounce,
                                          OwnerRequest owner_request) {
    if (delimiters.empty() || iequals(local, "mailer-daemon") || iequals(local, double_bounce)) {
        return std::nullopt;
    }
    // owner-NAME and NAME-request stay whole only when "-" is what would cut them.
    if (owner_request == OwnerRequest::kReserved &&
        delimiters.find('-') != std::string_view::npos &&
        (istarts_with(local, "owner-") || ends_with_request(local))) {
        return std::nullopt;
    }
    // A delimiter in the first place would leave no user.
    const auto at = local.find_first_of(delimiters);
    if (at == std::string_view::npos || at == 0) {
        return std::nullopt;
    }
    return at;
}

std::optional<StrippedAddress> strip_extension(std::string_view address,
                                               std::string_view delimiters,
                                               std::string_view double_bounce,
                                               OwnerRequest owner_request) {
    const auto parts = split_address(address);
    const auto at = find_extension(parts.local, delimiters, double_bounce, owner_request);
    if (!at) {
        return std::nullopt;
    }
    StrippedAddress result;
    result.address = parts.local.substr(0, *at);
    if (parts.has_domain) {
        result.address += '@';
        result.address += parts.domain;
    }
    result.extension = parts.local.substr(*at + 1);
    result.delimited_extension = parts.local.substr(*at);
    return result;
}

}  // namespace relais
