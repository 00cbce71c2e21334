// Fuzz target: what tables of content checks say (header_checks(5)), for each kind of caller.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "lib/base/log.h"
#include "lib/mail/dsn.h"
#include "lib/rules/content_checks.h"

using namespace relais;

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// What callers rely on without looking again.
void check(const CheckAction& action, CheckedPart part, CheckVerbs known) {
    require(action.verb == CheckVerb::kDunno || (known & verb_bit(action.verb)) != 0);
    const bool new_text = action.verb == CheckVerb::kPrepend || action.verb == CheckVerb::kReplace;
    if (new_text) {
        require(part == CheckedPart::kHeader ? is_header(action.text) : !action.text.empty());
    }
    if (action.verb == CheckVerb::kReject) {
        const auto code = DsnCode::parse_prefix(action.text);
        require(code && !code->success());
    }
    if (action.verb == CheckVerb::kFilter) {
        require(action.text.find(':') != std::string::npos);
    }
    if (action.verb == CheckVerb::kRedirect || action.verb == CheckVerb::kBcc) {
        require(action.text.find('@') != std::string::npos);
    }
    (void)check_log_word(action.verb);
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool quiet = [] {
        LogOptions options;
        options.to_syslog = false;
        log_open(std::move(options));
        return true;
    }();
    (void)quiet;
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    for (const auto part : {CheckedPart::kHeader, CheckedPart::kBody}) {
        for (const auto known : {kCheckAll, kCheckMilter, kCheckOutgoing}) {
            check(parse_check_action(value, "header_checks", part, known), part, known);
        }
    }
    return 0;
}
