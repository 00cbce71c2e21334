#include "smtp/pix.h"

#include <ctime>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::smtp_client {

PixWorkarounds parse_pix_workarounds(std::string_view words) {
    PixWorkarounds found;
    for (std::string_view word : split_words(words, " \t\r\n,")) {
        found.disable_esmtp = found.disable_esmtp || iequals(word, "disable_esmtp");
        found.delay_dotcrlf = found.delay_dotcrlf || iequals(word, "delay_dotcrlf");
    }
    return found;
}

bool is_pix_greeting(std::string_view greeting) {
    return greeting.find_first_not_of("20 *\t\r\n") == std::string_view::npos;
}

PixSettings::PixSettings(const Config& config, const std::string& prefix)
    : workarounds(config.text_value(prefix + "_pix_workarounds")),
      maps(prefix + "_pix_workaround_maps", config.text_value(prefix + "_pix_workaround_maps")),
      threshold(config.time_value(prefix + "_pix_workaround_threshold_time")),
      delay_time(config.time_value(prefix + "_pix_workaround_delay_time")) {
}

Task<PixWorkarounds> find_pix_workarounds(const PixSettings* settings, const Session* session,
                                          std::string queue_id, std::time_t arrival) {
    auto words = settings->workarounds;
    if (!settings->maps.empty()) {
        const Lookup of_address = co_await settings->maps.lookup(session->address());
        if (of_address.is_found()) {
            words = of_address.value();
        }
    }
    auto found = parse_pix_workarounds(words);
    if (std::time(nullptr) - arrival < settings->threshold.count()) {
        found.delay_dotcrlf = false;
    }
    if (words.empty()) {
        co_return found;
    }
    log_info("{}: enabling PIX workarounds: {}{}{} for {}", queue_id,
             found.disable_esmtp ? "disable_esmtp" : "",
             found.disable_esmtp && found.delay_dotcrlf ? " " : "",
             found.delay_dotcrlf ? "delay_dotcrlf" : "", session->name_with_port());
    co_return found;
}

}  // namespace relais::smtp_client
