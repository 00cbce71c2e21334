#include "postscreen/settings.h"

#include <algorithm>
#include <optional>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/config/values.h"
#include "lib/smtp/ehlo_keywords.h"
#include "lib/tls/tls_settings.h"

namespace relais::postscreen {

namespace {

Action action_of(std::string_view parameter) {
    const auto& word = conf().text_value(parameter);
    // "continue" is the word of the first releases.
    if (iequals(word, "ignore") || iequals(word, "continue")) {
        return Action::kIgnore;
    }
    if (iequals(word, "enforce")) {
        return Action::kEnforce;
    }
    if (iequals(word, "drop")) {
        return Action::kDrop;
    }
    log_fatal("bad {} value: {}", parameter, word);
}

// The value that a parameter would have with or without stress, whatever master said at the start:
// this process measures stress itself.
std::chrono::seconds under_stress(std::string_view parameter, std::string_view stress) {
    ExpandOptions options;
    options.recurse = true;
    options.lookup = [stress](std::string_view name) {
        return name == "stress" ? std::optional<std::string>(stress) : conf().raw(name);
    };
    const auto text = expand(conf().raw(parameter).value_or(""), options);
    const auto time = text ? parse_time(text->text, 's') : std::nullopt;
    return time.value_or(conf().time_value(parameter));
}

StressedTime stressed_time(std::string_view parameter) {
    return {under_stress(parameter, ""), under_stress(parameter, "yes")};
}

// These values are expanded when they are used.  But one that is another parameter's name, as the
// defaults are, stands for that one's.
std::string followed(const std::string& value) {
    const auto name = value.starts_with('$') ? trim(std::string_view(value).substr(1), "{}()") : "";
    return name.empty() ? value : conf().raw(name).value_or(value);
}

std::string teaser_of(const std::string& banner) {
    return banner.empty() ? "" : format("220-{}\r\n", banner);
}

TestSet when(bool enabled, Test test) {
    return enabled ? only(test) : TestSet{0};
}

}  // namespace

Settings::Settings()
    : denylist(action_of("postscreen_denylist_action")),
      actions{action_of("postscreen_greet_action"), action_of("postscreen_dnsbl_action"),
              action_of("postscreen_pipelining_action"),
              action_of("postscreen_non_smtp_command_action"),
              action_of("postscreen_bare_newline_action")},
      shortest_ttl(
          std::min({conf().postscreen_greet_ttl(), conf().postscreen_dnsbl_min_ttl(),
                    conf().postscreen_pipelining_ttl(), conf().postscreen_non_smtp_command_ttl(),
                    conf().postscreen_bare_newline_ttl()})),
      greet_wait(stressed_time("postscreen_greet_wait")),
      command_time(stressed_time("postscreen_command_time_limit")),
      pre_queue_limit(conf().postscreen_pre_queue_limit()),
      post_queue_limit(conf().postscreen_post_queue_limit()),
      per_client_limit(conf().postscreen_client_connection_count_limit()),
      tls_level(tls_level_setting(conf(), "postscreen")),
      teaser(teaser_of(conf().postscreen_greet_banner())),
      greeting(format("220 {}", conf().smtpd_banner())),
      discarded_keywords(smtp::parse_ehlo_keywords(conf().postscreen_discard_ehlo_keywords())),
      reject_footer(followed(conf().postscreen_reject_footer())),
      expansion_filter(unescape(followed(conf().postscreen_expansion_filter()))),
      respectful(conf().respectful_logging()) {
    const int parts = when(!teaser.empty() && greet_wait.normal.count() > 0, Test::kPregreet) |
                      when(!conf().postscreen_dnsbl_sites().empty(), Test::kDnsbl) |
                      when(conf().postscreen_pipelining_enable(), Test::kPipelining) |
                      when(conf().postscreen_non_smtp_command_enable(), Test::kNonSmtp) |
                      when(conf().postscreen_bare_newline_enable(), Test::kBareNewline);
    enabled = static_cast<TestSet>(parts);
}

}  // namespace relais::postscreen
