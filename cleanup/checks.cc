// Header and body checks of one message: see the header.
#include "cleanup/checks.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/utf8_mode.h"

namespace relais::cleanup {

namespace {

constexpr std::size_t kLineInLog = 200;
constexpr std::size_t kMimeTextInLog = 100;

}  // namespace

const CheckTable* Checks::for_header(HeaderContext context, const HeaderInfo* info) const {
    if ((message_.flags & kCleanupFilter) == 0) {
        return nullptr;
    }
    const CheckTable& table = service_.checks.for_header(context, info);
    return table.empty() ? nullptr : &table;
}

const CheckTable* Checks::for_body(std::size_t offset) const {
    auto limit = static_cast<std::size_t>(service_.config.body_checks_size_limit());
    if ((message_.flags & kCleanupFilter) == 0 || (limit > 0 && offset >= limit)) {
        return nullptr;
    }
    const CheckTable& table = service_.checks.for_body();
    return table.empty() ? nullptr : &table;
}

void Checks::log(std::string_view part, std::string_view line, const CheckAction& action) const {
    const EnvelopeState& envelope = message_.envelope;
    line = line.substr(0, line.find('\0'));
    std::string text =
        format("{}: {}: {} {} from {};", message_.id(), check_log_word(action.verb), part,
               line.substr(0, kLineInLog), envelope.origin.empty() ? "local" : envelope.origin);
    if (envelope.sender) {
        text += format(" from=<{}>", *envelope.sender);
    }
    if (envelope.logged_recipient) {
        text += format(" to=<{}>", *envelope.logged_recipient);
    }
    if (!envelope.protocol.empty()) {
        text += format(" proto={}", envelope.protocol);
    }
    if (!envelope.helo.empty()) {
        text += format(" helo=<{}>", envelope.helo);
    }
    if (!action.text.empty()) {
        text += ": " + action.text;
    }
    log_line(Severity::kInfo, printable(text, '?', utf8_mode()));
}

// The verdict is final: no other check shall be asked.
void Checks::reject(const std::string& text) {
    message_.reason = text;
    message_.fail(text.starts_with('4') ? kCleanupDefer : kCleanupContent);
    message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
}

void Checks::refuse_characters(std::string_view line) {
    const CheckAction refusal{.verb = CheckVerb::kReject, .text = "5.7.1 disallowed character"};
    log("content", line, refusal);
    reject(refusal.text);
}

void Checks::log_mime_error(unsigned problem, std::string_view text) const {
    const EnvelopeState& envelope = message_.envelope;
    auto line = format("{}: reject: mime-error {}: {} from {}; from=<{}> to=<{}>", message_.id(),
                       mime_problem_text(problem), text.substr(0, kMimeTextInLog),
                       envelope.origin.empty() ? "local" : envelope.origin,
                       envelope.sender.value_or(""), envelope.logged_recipient.value_or(""));
    log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
}

Checks::Outcome Checks::apply(CheckedPart part, std::string_view line, Result<CheckAction> said) {
    Outcome outcome;
    if (!said) {
        log_warning("{}: {} -- message not accepted, try again later", message_.id(),
                    said.error().message);
        message_.fail(kCleanupWrite);
        return outcome;
    }
    CheckAction& action = *said;
    const bool held = (message_.flags & (kCleanupHold | kCleanupDiscard)) != 0;
    const bool silent = action.verb == CheckVerb::kDunno || action.verb == CheckVerb::kIgnore ||
                        (action.verb == CheckVerb::kHold && held);
    if (!silent) {
        log(part == CheckedPart::kHeader ? "header" : "body", line, action);
    }
    switch (action.verb) {
        case CheckVerb::kReject:
            reject(action.text);
            break;
        case CheckVerb::kDiscard:
            message_.flags |= kCleanupDiscard;
            message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
            break;
        case CheckVerb::kHold:
            message_.flags |= held ? 0U : static_cast<unsigned>(kCleanupHold);
            break;
        case CheckVerb::kFilter:
            message_.asked.filter = std::move(action.text);
            break;
        case CheckVerb::kRedirect:
            message_.asked.redirect = std::move(action.text);
            message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
            break;
        case CheckVerb::kBcc:
            message_.asked.bcc.push_back(std::move(action.text));
            break;
        case CheckVerb::kPass:
            message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
            break;
        case CheckVerb::kPrepend:
            outcome.before = std::move(action.text);
            break;
        case CheckVerb::kReplace:
            outcome.replacement = std::move(action.text);
            break;
        case CheckVerb::kIgnore:
        case CheckVerb::kStrip:
            outcome.drop = true;
            break;
        case CheckVerb::kDunno:
        case CheckVerb::kInfo:
        case CheckVerb::kWarn:
            break;
    }
    return outcome;
}

}  // namespace relais::cleanup
