// MAIL FROM and RCPT TO: see the header.
#include "lib/smtp/envelope_command.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"

namespace relais::smtp {
namespace {

// RFC 3461 4.4 and 4.2: bounds on ENVID and ORCPT, taken generously.
constexpr std::size_t kMaxEnvelopeId = 1024;

// The value after "NAME=" if the word is that parameter.
std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
    if (word.size() > name.size() && istarts_with(word, name) && word[name.size()] == '=') {
        return word.substr(name.size() + 1);
    }
    return std::nullopt;
}

std::unexpected<std::string> refuse(std::string reply) {
    return std::unexpected(std::move(reply));
}

std::unexpected<std::string> unsupported(std::string_view word) {
    return refuse(format("555 5.5.4 Unsupported option: {}", printable(word.substr(0, 500))));
}

// The identifier without its xtext encoding; nothing where it is no identifier.  RFC 3461 4.4
std::optional<std::string> decode_envelope_id(std::string_view value) {
    if (value.empty() || value.size() > kMaxEnvelopeId) {
        return std::nullopt;
    }
    auto decoded = xtext_decode(value);
    const bool fine = decoded && std::ranges::all_of(*decoded, [](char c) { return is_print(c); });
    return fine ? decoded : std::nullopt;
}

// What became of one parameter of MAIL: taken, refused with a reply, or not that parameter.
std::optional<std::string> take_size(std::string_view value, MailParameters& result) {
    if (value.empty() || !std::ranges::all_of(value, is_digit)) {
        return "501 5.5.4 Bad message size syntax";
    }
    const auto size = parse_uint(value);
    if (!size || *size > INT64_MAX) {
        return "552 5.3.4 Message size exceeds file system imposed limit";
    }
    result.size = size;
    return std::nullopt;
}

std::optional<std::string> take_ret(std::string_view value, MailParameters& result) {
    const auto ret = parse_ret(value);
    if (!ret || result.ret != DsnRet::kNone) {
        return "501 5.5.4 Bad RET parameter syntax";
    }
    result.ret = *ret;
    return std::nullopt;
}

std::optional<std::string> take_envelope_id(std::string_view value, MailParameters& result) {
    auto decoded = decode_envelope_id(value);
    if (!decoded || !result.envelope_id.empty()) {
        return "501 5.5.4 Bad ENVID parameter syntax";
    }
    result.envelope_id = std::move(*decoded);
    return std::nullopt;
}

std::optional<std::string> take_verp(std::string_view value, std::string_view delimiters,
                                     MailParameters& result) {
    if (value.size() != 2 || value.find_first_not_of(delimiters) != std::string_view::npos) {
        return format("501 5.5.4 Error: XVERP needs two characters from {}", delimiters);
    }
    result.verp = value;
    return std::nullopt;
}

constexpr std::string_view kDsnDisabled = "501 5.7.1 DSN support is disabled";

std::optional<std::string> take_mail_parameter(std::string_view word, const Extensions& offered,
                                               MailParameters& result) {
    const bool is_dsn = value_of(word, "RET") || value_of(word, "ENVID");
    if (is_dsn && !offered.dsn) {
        return std::string(kDsnDisabled);
    }
    if (const auto size = value_of(word, "SIZE")) {
        return take_size(*size, result);
    }
    if (const auto ret = value_of(word, "RET")) {
        return take_ret(*ret, result);
    }
    if (const auto id = value_of(word, "ENVID")) {
        return take_envelope_id(*id, result);
    }
    if (const auto verp = value_of(word, "XVERP"); verp && offered.verp) {
        return take_verp(*verp, *offered.verp, result);
    }
    if (const auto auth = value_of(word, "AUTH")) {
        if (result.auth && *result.auth != "<>") {
            return "503 5.5.4 Error: multiple AUTH= options";
        }
        result.auth = *auth;
    } else if (iequals(word, "BODY=8BITMIME")) {
        result.body = BodyType::k8bit;
    } else if (iequals(word, "BODY=7BIT")) {
        result.body = BodyType::k7bit;
    } else if (offered.smtputf8 && iequals(word, "SMTPUTF8")) {
        result.smtputf8 = true;
    } else if (offered.requiretls && iequals(word, "REQUIRETLS")) {
        result.requiretls = true;
    } else if (offered.verp && iequals(word, "XVERP")) {
        result.verp = "";
    } else {
        return unsupported(word).error();
    }
    return std::nullopt;
}

void warn_of_unknown_notify(std::string_view value) {
    for (const auto word : split_fields(value, ',')) {
        if (!word.empty() && !parse_notify(word)) {
            log_warning("unknown DSN NOTIFY command value \"{}\" in \"{}\"",
                        printable(word.substr(0, 100)), printable(value.substr(0, 1000)));
            return;
        }
    }
}

}  // namespace

// The one address of a list, in which "<>" does not count; "" where there is none.
static std::optional<std::string> only_address(const AddressList& list) {
    std::optional<std::size_t> only;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list.is_null(i)) {
            continue;
        }
        if (only) {
            return std::nullopt;
        }
        only = i;
    }
    return only ? list.internal(*only) : std::string();
}

std::optional<std::string> parse_path(std::string_view path, PathSyntax syntax, EmptyPath empty) {
    const bool enclosed = path.size() > 1 && path.starts_with('<') && path.ends_with('>');
    auto inside = enclosed ? path.substr(1, path.size() - 2) : path;
    if (enclosed && is_plain_address(inside)) {  // which is what nearly all are
        return std::string(inside);
    }
    // A source route is dropped, also where strict.  RFC 5321 4.1.1.3 and appendix C
    if (const auto colon = inside.find(':'); inside.starts_with('@') && colon != inside.npos) {
        inside.remove_prefix(colon + 1);
    }
    const auto list = AddressList::parse(inside);
    auto address = only_address(list);
    const bool is_plain = enclosed && !inside.starts_with('@') && list.is_bare();
    if ((syntax == PathSyntax::kStrict && !is_plain) ||
        (address && address->empty() && empty == EmptyPath::kRefused)) {
        return std::nullopt;
    }
    return address;
}

OrReply<MailParameters> parse_mail_parameters(const CommandLine& command,
                                              const Extensions& offered) {
    MailParameters result;
    for (std::size_t i = 2; i < command.arguments.size(); ++i) {
        if (auto reply = take_mail_parameter(command.arguments[i].text, offered, result)) {
            return refuse(std::move(*reply));
        }
    }
    return result;
}

OrReply<RcptParameters> parse_rcpt_parameters(const CommandLine& command,
                                              const Extensions& offered) {
    RcptParameters result;
    for (std::size_t i = 2; i < command.arguments.size(); ++i) {
        const std::string_view word = command.arguments[i].text;
        const auto notify = value_of(word, "NOTIFY");
        const auto orcpt = value_of(word, "ORCPT");
        if ((notify || orcpt) && !offered.dsn) {
            return refuse(std::string(kDsnDisabled));
        }
        if (notify) {
            const auto flags = parse_notify(*notify);
            if (!flags || result.notify != kNotifyNone) {
                warn_of_unknown_notify(*notify);
                return refuse("501 5.5.4 Error: Bad NOTIFY parameter syntax");
            }
            result.notify = *flags;
        } else if (orcpt) {
            auto original = parse_orcpt(*orcpt);
            if (!original || original->size() > kMaxEnvelopeId ||
                !result.original_recipient.empty()) {
                return refuse("501 5.5.4 Error: Bad ORCPT parameter syntax");
            }
            result.original_recipient = std::move(*original);
        } else {
            return unsupported(word);
        }
    }
    return result;
}

}  // namespace relais::smtp
