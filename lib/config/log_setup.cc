#include "lib/config/log_setup.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/log_fallback.h"
#include "lib/base/log_text.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"

namespace relais {

// Nothing where the process is set-id: its caller does not choose where it logs, and as what.
static std::string environment(const char* name) {
    const char* value = ::secure_getenv(name);
    return value != nullptr ? value : "";
}

static std::string tag_of(const std::string& syslog_name, std::string_view program) {
    return syslog_name.empty() ? std::string(program) : syslog_name + "/" + std::string(program);
}

static std::string first_label(const std::string& host) {
    return host.substr(0, host.find('.'));
}

void open_early_log(std::string_view program, LogStderr to_stderr) {
    std::string name = environment("MAIL_LOGTAG");
    LogOptions options;
    options.tag = tag_of(name.empty() ? "postfix" : name, program);
    options.postlog_socket = environment("POSTLOG_SERVICE");
    options.postlog_host = first_label(environment("POSTLOG_HOSTNAME"));
    options.to_stderr = to_stderr == LogStderr::kYes;
    options.stderr_name = program;
    log_open(std::move(options));
}

void open_log(std::string_view program, LogStderr to_stderr) {
    const Config& config = conf();
    LogOptions options;
    options.tag = tag_of(config.syslog_name(), program);
    options.facility = config.syslog_facility();
    options.to_stderr = to_stderr != LogStderr::kNo;
    if (to_stderr != LogStderr::kTagged) {
        options.stderr_name = program;
    }
    if (!config.maillog_file().empty()) {
        options.postlog_socket =
            config.queue_directory() + "/public/" + config.postlog_service_name();
        options.postlog_host = first_label(config.myhostname());
    }
    log_open(std::move(options));
    log_show_utf8(utf8_mode());
}

bool maillog_file_is_allowed() {
    return std::ranges::any_of(
        split_words(conf().maillog_file_prefixes(), ", \t\r\n"),
        [](std::string_view prefix) { return conf().maillog_file().starts_with(prefix); });
}

unsigned maillog_file_mode() {
    return static_cast<unsigned>(parse_octal(conf().maillog_file_permissions()).value_or(0600));
}

void log_without_postlogd() {
    bool is_owner = ::getuid() == 0 || (::getuid() == ::geteuid() && ::getgid() == ::getegid());
    if (is_owner && !conf().maillog_file().empty() && maillog_file_is_allowed()) {
        log_fall_back_to(conf().maillog_file(), maillog_file_mode());
    }
}

}  // namespace relais
