// MAIL FROM and RCPT TO: the path and the parameters of ESMTP extensions (SIZE, 8BITMIME, DSN,
// AUTH, SMTPUTF8, XVERP), with the reply for each way in which they can be wrong. RFC 5321 4.1.2,
// RFC 1870, RFC 6152, RFC 3461, RFC 4954
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "lib/mail/dsn.h"
#include "lib/smtp/command_line.h"

namespace relais::smtp {

// A parsed value, or the reply that refuses the command ("501 5.5.4 ...").
template <class T>
using OrReply = std::expected<T, std::string>;

enum class PathSyntax {
    kLenient,  // addresses without brackets, with comments
    kStrict,   // strict_rfc821_envelopes
};
enum class EmptyPath { kAllowed, kRefused };

// The address of a path in internal form; nothing where it is malformed.
[[nodiscard]] std::optional<std::string> parse_path(std::string_view path, PathSyntax syntax,
                                                    EmptyPath empty);

enum class BodyType { kNone, k7bit, k8bit };

// Which extensions may be used: without them their parameters are none.
struct Extensions {
    bool dsn = true;
    bool smtputf8 = true;
    bool requiretls = false;
    std::optional<std::string> verp;  // the delimiters that XVERP may name
};

struct MailParameters {
    std::optional<std::uint64_t> size;
    BodyType body = BodyType::kNone;
    DsnRet ret = DsnRet::kNone;
    std::string envelope_id;  // decoded
    bool smtputf8 = false;
    bool requiretls = false;          // RFC 8689
    std::optional<std::string> auth;  // the value of AUTH=
    std::optional<std::string> verp;  // the value of XVERP=, "" without one
};

// The words after the path.
[[nodiscard]] OrReply<MailParameters> parse_mail_parameters(const CommandLine& command,
                                                            const Extensions& offered);

struct RcptParameters {
    int notify = kNotifyNone;
    std::string original_recipient;  // "rfc822;addr", decoded
};

[[nodiscard]] OrReply<RcptParameters> parse_rcpt_parameters(const CommandLine& command,
                                                            const Extensions& offered);

}  // namespace relais::smtp
