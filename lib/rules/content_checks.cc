// Content checks: see the header.
#include "lib/rules/content_checks.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/dsn.h"

namespace relais {
namespace {

struct Verb {
    std::string_view name;
    CheckVerb verb;
    std::string_view log_word;
};

constexpr std::array<Verb, 15> kVerbs = {{
    {"BCC", CheckVerb::kBcc, "bcc"},
    {"DISCARD", CheckVerb::kDiscard, "discard"},
    {"DUNNO", CheckVerb::kDunno, ""},
    {"FILTER", CheckVerb::kFilter, "filter"},
    {"HOLD", CheckVerb::kHold, "hold"},
    {"IGNORE", CheckVerb::kIgnore, ""},
    {"INFO", CheckVerb::kInfo, "info"},
    {"OK", CheckVerb::kDunno, ""},
    {"PASS", CheckVerb::kPass, "pass"},
    {"PREPEND", CheckVerb::kPrepend, "prepend"},
    {"REDIRECT", CheckVerb::kRedirect, "redirect"},
    {"REJECT", CheckVerb::kReject, "reject"},
    {"REPLACE", CheckVerb::kReplace, "replace"},
    {"STRIP", CheckVerb::kStrip, "strip"},
    {"WARN", CheckVerb::kWarn, "warning"},
}};

constexpr DsnCode kRefused{5, 7, 1};

std::string reject_text(std::string_view text) {
    if (text.empty()) {
        return kRefused.to_string() + " message content rejected";
    }
    auto [code, words] = split_dsn(text, kRefused);
    if (code.success()) {
        log_warning("bad DSN action in {} -- need 4.x.x or 5.x.x", printable(text));
        code = code.with_class(4);
    }
    return words.empty() ? code.to_string() : format("{} {}", code.to_string(), words);
}

// What is wrong with the argument, or "".
std::string trouble_with(CheckVerb verb, std::string_view text, std::string_view title,
                         CheckedPart part) {
    const bool new_text = verb == CheckVerb::kPrepend || verb == CheckVerb::kReplace;
    if (new_text && text.empty()) {
        return format("{} action without text in {} map",
                      verb == CheckVerb::kPrepend ? "PREPEND" : "REPLACE", title);
    }
    if (new_text && part == CheckedPart::kHeader && !is_header(text)) {
        return format("bad {} header text \"{}\" in {} map -- need \"headername: headervalue\"",
                      verb == CheckVerb::kPrepend ? "PREPEND" : "REPLACE", text, title);
    }
    if (verb == CheckVerb::kFilter && text.empty()) {
        return format("missing FILTER command argument in {} map", title);
    }
    if (verb == CheckVerb::kFilter && !text.contains(':')) {
        return format("bad FILTER command {} in {} -- need transport:destination", text, title);
    }
    if (verb == CheckVerb::kRedirect && !text.contains('@')) {
        return format("bad REDIRECT target \"{}\" in {} map -- need user@domain", text, title);
    }
    if (verb == CheckVerb::kBcc && !text.contains('@')) {
        return format("bad BCC address \"{}\" in {} map -- need user@domain", text, title);
    }
    return "";
}

// C programs, which wrote the rules of these tables, see no further.
std::string_view before_nul(std::string_view line) {
    return line.substr(0, line.find('\0'));
}

}  // namespace

std::string_view check_log_word(CheckVerb verb) {
    const auto* found = std::ranges::find(kVerbs, verb, &Verb::verb);
    return found->log_word;
}

CheckAction parse_check_action(std::string_view value, std::string_view title, CheckedPart part,
                               CheckVerbs known) {
    const auto word = value.substr(0, value.find_first_of(" \t"));
    const auto text = trim_left(value.substr(word.size()));
    const auto* found =
        std::ranges::find_if(kVerbs, [word](const Verb& verb) { return iequals(verb.name, word); });
    if (found == kVerbs.end() || (known & verb_bit(found->verb)) == 0) {
        log_warning("{} command in {} map: {}", known == kCheckAll ? "unknown" : "unsupported",
                    title, printable(value));
        return {};
    }
    if (auto trouble = trouble_with(found->verb, text, title, part); !trouble.empty()) {
        log_warning("{}", printable(trouble));
        return {};
    }
    if (found->verb == CheckVerb::kReject) {
        return {found->verb, reject_text(text)};
    }
    return {found->verb, std::string(text)};
}

CheckTable::CheckTable(std::string title, std::string_view list, CheckedPart part, CheckVerbs known)
    : tables_(std::move(title), list, table_flag::kLock), part_(part), known_(known) {
}

Result<CheckAction> CheckTable::judge(const Lookup& answer) const {
    if (answer.is_error()) {
        return fail(Errc::kTemporary, title() + " map lookup problem");
    }
    return answer.is_found() ? parse_check_action(answer.value(), title(), part_, known_)
                             : CheckAction{};
}

Result<CheckAction> CheckTable::find(std::string_view line) const {
    return judge(tables_.find(before_nul(line)));
}

Task<Result<CheckAction>> CheckTable::lookup(std::string line) const {
    std::string key(before_nul(line));
    auto answer = co_await tables_.lookup(std::move(key));
    co_return judge(answer);
}

ContentChecks::ContentChecks(const std::string& prefix, const CheckLists& lists, CheckVerbs known)
    : header_(prefix + "header_checks", lists.header, CheckedPart::kHeader, known),
      mime_(prefix + "mime_header_checks", lists.mime, CheckedPart::kHeader, known),
      nested_(prefix + "nested_header_checks", lists.nested, CheckedPart::kHeader, known),
      body_(prefix + "body_checks", lists.body, CheckedPart::kBody, known) {
}

const CheckTable& ContentChecks::for_header(HeaderContext context, const HeaderInfo* info) const {
    const bool mime = info != nullptr && (info->traits & kHeaderMime) != 0;
    if (context == HeaderContext::kMime || mime) {
        return mime_;
    }
    return context == HeaderContext::kNested ? nested_ : header_;
}

}  // namespace relais
