#include "cleanup/service.h"

#include <algorithm>
#include <chrono>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/ipc/service_client.h"
#include "lib/mail/header.h"
#include "lib/mail/mime_parser.h"
#include "lib/queue/queue_config.h"

namespace relais::cleanup {

namespace {

// Under load one wake-up stands for all messages of this time.
constexpr auto kWakeInterval = std::chrono::milliseconds(4);

std::vector<milter::FilterSettings> own_milters(const Config& config) {
    auto filters = milter::parse_filters(config, config.non_smtpd_milters());
    if (!filters) {
        log_fatal("non_smtpd_milters: {}", filters.error().message);
    }
    return std::move(*filters);
}

std::vector<std::string> header_names(std::string_view list) {
    auto words = split_words(list, ", \t\r\n");
    return {words.begin(), words.end()};
}

// What in the structure of a message is reason to refuse it.
unsigned refused_mime_problems(const Config& config) {
    const auto& end = config.non_empty_end_of_header_action();
    if (!iequals(end, "fix_quietly") && !iequals(end, "add_header") && !iequals(end, "reject")) {
        log_fatal("unknown non_empty_end_of_header_action value: {}", end);
    }
    if (config.disable_mime_input_processing()) {
        return 0;
    }
    unsigned refused = 0;
    if (config.strict_8bitmime() || config.strict_7bit_headers()) {
        refused |= kMime8bitInHeader;
    }
    if (config.strict_8bitmime() || config.strict_8bitmime_body()) {
        refused |= kMime8bitIn7bitBody;
    }
    refused |= config.strict_mime_encoding_domain() ? unsigned{kMimeEncodingDomain} : 0U;
    // What nobody looks into need not be understood.
    const bool checked = !config.header_checks().empty() || !config.mime_header_checks().empty() ||
                         !config.nested_header_checks().empty();
    refused |= refused != 0 || checked ? unsigned{kMimeNesting} : 0U;
    return refused | (iequals(end, "reject") ? unsigned{kMimeNonEmptyEnd} : 0U);
}

}  // namespace

Service::Service(const Config& the_config)
    : config(the_config),
      dirs(queue_dirs_from(the_config)),
      rewriter(the_config),
      mapping(the_config, rewriter),
      checks("",
             {.header = the_config.header_checks(),
              .mime = the_config.mime_header_checks(),
              .nested = the_config.nested_header_checks(),
              .body = the_config.body_checks()},
             kCheckAll),
      milters(own_milters(the_config)),
      milter_macros(milter::macro_settings(the_config)),
      milter_checks("milter_header_checks", the_config.milter_header_checks(), CheckedPart::kHeader,
                    kCheckMilter),
      refused_characters(the_config.message_reject_characters()),
      stripped_characters(the_config.message_strip_characters()),
      refused_mime(refused_mime_problems(the_config)),
      adds_mime_error(iequals(the_config.non_empty_end_of_header_action(), "add_header")),
      dropped_headers_(header_names(the_config.message_drop_headers())) {
}

bool Service::drops(std::string_view header) const {
    const auto name = header.substr(0, header_name_length(header));
    return std::ranges::any_of(dropped_headers_,
                               [name](const std::string& one) { return iequals(one, name); });
}

Task<void> Service::wake_qmgr() {
    std::string socket = "public/" + config.queue_service_name();
    for (;;) {
        co_await mail_waiting_.wait();
        mail_waiting_.clear();
        auto sent = co_await send_trigger(socket, "W", config.trigger_timeout());
        if (!sent) {
            log_warning("{}", sent.error().message);
        }
        co_await sleep_for(kWakeInterval);
    }
}

}  // namespace relais::cleanup
