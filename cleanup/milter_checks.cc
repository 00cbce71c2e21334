// What tables say about headers that filters add: see the header.
#include "cleanup/milter_checks.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::cleanup {

namespace {

constexpr std::size_t kLineInLog = 200;

// What decides about the whole message; after one of these that is final, the others say nothing.
bool decides(CheckVerb verb) {
    return verb == CheckVerb::kReject || verb == CheckVerb::kFilter ||
           verb == CheckVerb::kDiscard || verb == CheckVerb::kHold ||
           verb == CheckVerb::kRedirect || verb == CheckVerb::kBcc;
}

}  // namespace

Task<std::optional<std::string>> MilterChecks::check(std::string header) {
    const auto& table = service_.milter_checks;
    if (table.empty()) {
        co_return header;
    }
    auto said = co_await table.lookup(header);
    if (!said) {
        log_warning("{}: milter_header_checks lookup error -- deferring delivery", message_.id());
        message_.fail(kCleanupWrite);
        co_return std::nullopt;
    }
    co_return apply(std::move(header), std::move(*said));
}

std::optional<std::string> MilterChecks::apply(std::string header, CheckAction action) {
    const bool final = (message_.flags & kCleanupFilter) == 0;
    if (action.verb == CheckVerb::kDunno || (decides(action.verb) && final)) {
        return header;
    }
    const bool held = (message_.flags & (kCleanupHold | kCleanupDiscard)) != 0;
    if (action.verb == CheckVerb::kIgnore) {
        return std::nullopt;
    }
    if (action.verb != CheckVerb::kHold || !held) {
        log(header, action);
    }
    if (action.verb == CheckVerb::kPrepend) {
        // Nor is it in Postfix, in as many words.
        log_warning("the milter_header/body_checks prepend action is not implemented");
    }
    if (action.verb == CheckVerb::kStrip) {
        return std::nullopt;
    }
    if (action.verb == CheckVerb::kReplace) {
        return action.text;
    }
    decide(action);
    return header;
}

void MilterChecks::decide(const CheckAction& action) {
    switch (action.verb) {
        case CheckVerb::kReject:
            // The text always begins with a status code.
            message_.reason = action.text;
            message_.fail(action.text.starts_with('4') ? kCleanupDefer : kCleanupContent);
            verdict_ = milter::Verdict::refuse(format("{}50 {}", action.text[0], action.text));
            message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
            return;
        case CheckVerb::kDiscard:
            message_.flags |= kCleanupDiscard;
            message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
            verdict_ = milter::Verdict::discard();
            return;
        case CheckVerb::kHold:
            message_.flags |= kCleanupHold;
            return;
        case CheckVerb::kFilter:
            asked_.filter = action.text;
            return;
        case CheckVerb::kRedirect:
            asked_.redirect = action.text;
            message_.flags &= ~static_cast<unsigned>(kCleanupFilter);
            return;
        case CheckVerb::kBcc:
            asked_.bcc.push_back(action.text);
            return;
        default:
            return;
    }
}

void MilterChecks::log(std::string_view header, const CheckAction& action) const {
    auto line = format("{}: milter-header-{}: header {} from {};", message_.id(),
                       check_log_word(action.verb), header.substr(0, kLineInLog), client_);
    line += log_details(message_.envelope);
    if (!action.text.empty()) {
        line += ": " + action.text;
    }
    log_line(Severity::kInfo, printable(line));
}

}  // namespace relais::cleanup
