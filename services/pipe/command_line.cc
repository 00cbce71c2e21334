#include "services/pipe/command_line.h"

#include <array>
#include <optional>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/mail/address.h"

namespace relais::pipe_agent {

namespace {

struct MacroName {
    std::string_view name;
    Macro macro;
};

constexpr std::array<MacroName, 19> kMacros = {{
    {"client_address", Macro::kClientAddress},
    {"client_helo", Macro::kClientHelo},
    {"client_hostname", Macro::kClientHostname},
    {"client_port", Macro::kClientPort},
    {"client_protocol", Macro::kClientProtocol},
    {"domain", Macro::kDomain},
    {"envid", Macro::kEnvelopeId},
    {"extension", Macro::kExtension},
    {"mailbox", Macro::kMailbox},
    {"nexthop", Macro::kNexthop},
    {"original_recipient", Macro::kOriginalRecipient},
    {"queue_id", Macro::kQueueId},
    {"recipient", Macro::kRecipient},
    {"sasl_method", Macro::kSaslMethod},
    {"sasl_sender", Macro::kSaslSender},
    {"sasl_username", Macro::kSaslUsername},
    {"sender", Macro::kSender},
    {"size", Macro::kSize},
    {"user", Macro::kUser},
}};

bool is_of_recipient(Macro macro) {
    return macro >= Macro::kDomain;
}

Macro macro_named(std::string_view name) {
    for (const MacroName& known : kMacros) {
        if (known.name == name) {
            return known.macro;
        }
    }
    return Macro::kNone;
}

// A macro as it is written: "user" of "${user}", which is 7 bytes long.
struct Reference {
    std::string_view name;
    std::size_t length = 0;
};

// Where the bracket at the beginning of `text` is closed; nested ones of its kind count.
std::optional<std::size_t> closing_bracket(std::string_view text) {
    const char open = text.front(), close = open == '{' ? '}' : ')';
    int depth = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        depth += text[at] == open ? 1 : text[at] == close ? -1 : 0;
        if (depth == 0) {
            return at;
        }
    }
    return std::nullopt;
}

// `text` begins with "$".
Result<Reference> parse_reference(std::string_view text) {
    const std::string_view rest = text.substr(1);
    Reference out;
    if (rest.starts_with('{') || rest.starts_with('(')) {
        const auto end = closing_bracket(rest);
        if (!end) {
            return fail(Errc::kSyntax, format("truncated macro reference: \"{}\"", text));
        }
        out = {rest.substr(1, *end - 1), *end + 2};
    } else {
        std::size_t length = 0;
        while (length < rest.size() && (is_alnum(rest[length]) || rest[length] == '_')) {
            ++length;
        }
        out = {rest.substr(0, length), length + 1};
    }
    if (out.name.empty()) {
        return fail(Errc::kSyntax, format("empty macro name: \"{}\"", text));
    }
    return out;
}

// The local part without its extension, and the extension.
std::pair<std::string_view, std::string_view> split_extension(std::string_view local) {
    const auto requests =
        conf().owner_request_special() ? OwnerRequest::kReserved : OwnerRequest::kOrdinary;
    const auto at = find_extension(local, conf().recipient_delimiter(),
                                   conf().double_bounce_sender(), requests);
    return at ? std::pair(local.substr(0, *at), local.substr(*at + 1))
              : std::pair(local, std::string_view());
}

}  // namespace

Result<CommandLine> CommandLine::parse(const PipeAttributes& attributes, std::string_view file,
                                       std::string_view service) {
    CommandLine out;
    out.flags_ = attributes.flags;
    out.null_sender_ = attributes.null_sender;
    const std::string place = format("file {}: service {}", file, service);
    for (const auto& text : attributes.command) {
        auto word = parse_word(text, place);
        if (!word) {
            return fail_with(word);
        }
        out.words_.push_back(std::move(*word));
    }
    return out;
}

Result<CommandLine::Word> CommandLine::parse_word(std::string_view text, std::string_view place) {
    Word out;
    Piece piece;
    while (!text.empty()) {
        const auto dollar = text.find('$');
        piece.text += text.substr(0, dollar);
        if (dollar == std::string_view::npos) {
            break;
        }
        text.remove_prefix(dollar);
        if (text.starts_with("$$")) {
            piece.text += '$';
            text.remove_prefix(2);
            continue;
        }
        const auto reference = parse_reference(text);
        if (!reference) {
            return fail_with(reference);
        }
        piece.macro = macro_named(reference->name);
        if (piece.macro == Macro::kNone) {
            return fail(Errc::kSyntax,
                        format("{}: unknown macro name: \"{}\"", place, reference->name));
        }
        out.for_each_recipient = out.for_each_recipient || is_of_recipient(piece.macro);
        out.pieces.push_back(std::exchange(piece, Piece()));
        text.remove_prefix(reference->length);
    }
    out.pieces.push_back(std::move(piece));
    return out;
}

std::vector<std::string> CommandLine::expand(const DeliveryRequest& request) const {
    std::vector<std::string> argv;
    for (const Word& word : words_) {
        const std::size_t times = word.for_each_recipient ? request.recipients.size() : 1;
        for (std::size_t i = 0; i < times; ++i) {
            argv.push_back(expand_word(word, request, request.recipients[i]));
        }
    }
    return argv;
}

std::string CommandLine::expand_word(const Word& word, const DeliveryRequest& request,
                                     const Recipient& recipient) const {
    std::string out;
    for (const Piece& piece : word.pieces) {
        out += piece.text;
        if (is_of_recipient(piece.macro)) {
            out += value_of(piece.macro, recipient);
        } else {
            out += value_of(piece.macro, request);
        }
    }
    return out;
}

std::string CommandLine::value_of(Macro macro, const DeliveryRequest& request) const {
    switch (macro) {
        case Macro::kClientAddress:
            return request.log_client_address;
        case Macro::kClientHelo:
            return request.log_helo_name;
        case Macro::kClientHostname:
            return request.log_client_name;
        case Macro::kClientPort:
            return request.log_client_port;
        case Macro::kClientProtocol:
            return request.log_protocol_name;
        case Macro::kEnvelopeId:
            return request.envelope_id;
        case Macro::kNexthop:
            return (flags_ & kFoldDomains) != 0 ? fold_text(request.nexthop) : request.nexthop;
        case Macro::kQueueId:
            return request.queue_id;
        case Macro::kSaslMethod:
            return request.sasl_method;
        case Macro::kSaslSender:
            return request.sasl_sender;
        case Macro::kSaslUsername:
            return request.sasl_username;
        case Macro::kSender: {
            const std::string& sender = request.sender.empty() ? null_sender_ : request.sender;
            return (flags_ & kQuoteLocals) != 0 ? quote_address(sender) : sender;
        }
        case Macro::kSize:
            return std::to_string(request.data_size);
        default:
            return {};
    }
}

// With the flags that change whole addresses.
std::string CommandLine::address_of(std::string_view address) const {
    const AddressParts parts = split_address(address);
    std::string out =
        (flags_ & kFoldLocals) != 0 ? fold_text(parts.local) : std::string(parts.local);
    if (parts.has_domain) {
        out += '@';
        out += (flags_ & kFoldDomains) != 0 ? fold_text(parts.domain) : std::string(parts.domain);
    }
    return (flags_ & kQuoteLocals) != 0 ? quote_address(out) : out;
}

std::string CommandLine::value_of(Macro macro, const Recipient& recipient) const {
    if (macro == Macro::kRecipient) {
        return address_of(recipient.address);
    }
    if (macro == Macro::kOriginalRecipient) {
        return address_of(recipient.original);
    }
    const AddressParts parts = split_address(recipient.address);
    if (!parts.has_domain) {
        log_warning("no @ in recipient address: {}", recipient.address);
    }
    if (macro == Macro::kDomain) {
        return (flags_ & kFoldDomains) != 0 ? fold_text(parts.domain) : std::string(parts.domain);
    }
    std::string local =
        (flags_ & kFoldLocals) != 0 ? fold_text(parts.local) : std::string(parts.local);
    if (macro == Macro::kMailbox) {
        return local;
    }
    const auto [user, extension] = split_extension(local);
    return std::string(macro == Macro::kUser ? user : extension);
}

}  // namespace relais::pipe_agent
