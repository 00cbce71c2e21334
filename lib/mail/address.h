// Mail addresses in their two forms.  The internal form has the local part unquoted, and is what
// queue files, tables and the daemons' protocols carry (`john smith@example.com`).  The external
// form is quoted as RFC 5322 wants it, and is what headers and SMTP carry
// (`"john smith"@example.com`).  In both, the domain is what follows the last "@".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

// Internal to external: quotes the local part where it is not a dot-string.  RFC 5321 4.1.2
[[nodiscard]] std::string quote_address(std::string_view internal);

// Quotes a local part that stands alone (no "@" in it is a separator).
[[nodiscard]] std::string quote_local_part(std::string_view local);

// External to internal.  A source route before the local part is kept as it is.
[[nodiscard]] std::string unquote_address(std::string_view external);

// True for an address of letters, digits and harmless signs, with well-formed dots on both sides
// of its only "@", or without one: both forms are the same, and rewriting can at most complete it.
[[nodiscard]] bool is_plain_address(std::string_view address);

// The parts of an address at its last "@".  Without "@" all of it is the local part.
struct AddressParts {
    std::string_view local;
    std::string_view domain;
    bool has_domain = false;
};

[[nodiscard]] AddressParts split_address(std::string_view address);

// Lowers the case of the domain; the local part stays.
[[nodiscard]] std::string lowercase_domain(std::string_view address);

// Where the extension of a local part begins (the delimiter's offset): at the first of
// `delimiters`, one character each.  The names mailer-daemon, double-bounce, owner-NAME and
// NAME-request have none when "-" is the delimiter (`double_bounce` is double_bounce_sender; the
// reservation for owner- and -request only holds when `owner_request` says so).
enum class OwnerRequest { kReserved, kOrdinary };
[[nodiscard]] std::optional<std::size_t> find_extension(
    std::string_view local, std::string_view delimiters, std::string_view double_bounce,
    OwnerRequest owner_request = OwnerRequest::kReserved);

// An address without its extension, and the extension without and with its delimiter.
struct StrippedAddress {
    std::string address;
    std::string extension;            // "news"
    std::string delimited_extension;  // "+news"
};

[[nodiscard]] std::optional<StrippedAddress> strip_extension(
    std::string_view address, std::string_view delimiters, std::string_view double_bounce,
    OwnerRequest owner_request = OwnerRequest::kReserved);

}  // namespace relais
