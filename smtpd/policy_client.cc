// Policy servers: see the header.
#include "smtpd/policy_client.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/event/inet_name.h"
#include "lib/event/socket.h"

namespace relais::smtpd {
namespace {

PolicySettings settings_of_parameters() {
    PolicySettings settings;
    settings.default_action = conf().smtpd_policy_service_default_action();
    settings.context = conf().smtpd_policy_service_policy_context();
    settings.limits.timeout = conf().smtpd_policy_service_timeout();
    settings.limits.idle = conf().smtpd_policy_service_max_idle();
    settings.limits.lifetime = conf().smtpd_policy_service_max_ttl();
    settings.limits.tries = conf().smtpd_policy_service_try_limit();
    settings.limits.retry_delay = conf().smtpd_policy_service_retry_delay();
    settings.limits.requests = conf().smtpd_policy_service_request_limit();
    return settings;
}

std::chrono::seconds time_setting(const Assignment& setting) {
    const auto time = parse_time(setting.value, 's');
    if (!time) {
        log_fatal("{}: bad time value or unit: {}", setting.name, setting.value);
    }
    if (time->count() < 1) {
        log_fatal("invalid {}: {} (min 1)", setting.name, time->count());
    }
    return *time;
}

int number_setting(const Assignment& setting) {
    const auto number = parse_int_value(setting.value);
    if (!number) {
        log_fatal("bad numerical configuration: {} = {}", setting.name, setting.value);
    }
    return *number;
}

void apply_setting(PolicySettings& settings, const Assignment& setting) {
    auto& limits = settings.limits;
    const auto& name = setting.name;
    if (name == "timeout") {
        limits.timeout = time_setting(setting);
    } else if (name == "max_idle") {
        limits.idle = time_setting(setting);
    } else if (name == "max_ttl") {
        limits.lifetime = time_setting(setting);
    } else if (name == "retry_delay") {
        limits.retry_delay = time_setting(setting);
    } else if (name == "try_limit") {
        limits.tries = number_setting(setting);
        if (limits.tries < 1) {
            log_fatal("invalid {} parameter value {} < 1", name, limits.tries);
        }
    } else if (name == "request_limit") {
        limits.requests = number_setting(setting);
    } else if (name == "default_action") {
        if (setting.value.empty()) {
            log_fatal("bad string length 0 < 1: {} = ", name);
        }
        settings.default_action = setting.value;
    } else if (name == "policy_context") {
        settings.context = setting.value;
    } else {
        log_fatal("unknown option: \"{} = {}\"", name, setting.value);
    }
}

void set_endpoint(PolicySettings& settings, std::string_view endpoint) {
    const auto parts = split_first(endpoint, ':');
    if (!parts || parts->second.empty()) {
        log_fatal("need service transport:endpoint instead of \"{}\"", endpoint);
    }
    settings.is_inet = parts->first == "inet";
    if (!settings.is_inet && parts->first != "unix" && parts->first != "local") {
        log_fatal("invalid transport name: {} in service: {}", parts->first, endpoint);
    }
    settings.service = endpoint;
    settings.endpoint = parts->second;
}

}  // namespace

PolicySettings parse_policy_settings(std::string_view text) {
    auto settings = settings_of_parameters();
    if (!text.starts_with('{')) {
        set_endpoint(settings, text);
        return settings;
    }
    const auto inner = strip_braces(text);
    if (!inner) {
        log_fatal("policy service syntax error: {}", text.substr(1));
    }
    const auto words = split_list(*inner);
    if (words.empty()) {
        log_fatal("empty policy service: \"{}\"", text);
    }
    for (std::size_t i = 1; i < words.size(); ++i) {
        const auto setting = parse_assignment(words[i]);
        if (!setting) {
            log_fatal("malformed option: {}", setting.error().message);
        }
        apply_setting(settings, *setting);
    }
    set_endpoint(settings, words[0]);
    return settings;
}

PolicyClient::PolicyClient(std::string text)
    : text_(std::move(text)),
      settings_(parse_policy_settings(text_)),
      connections_({.connect = [this] { return connect(); },
                    .read = [this](Stream* stream) { return read(stream); }},
                   settings_.limits) {
}

Task<Result<std::unique_ptr<Stream>>> PolicyClient::connect() const {
    const auto deadline = Deadline::after(settings_.limits.timeout);
    Result<UniqueFd> fd;
    int why = ETIMEDOUT;
    try {
        if (settings_.is_inet) {
            fd = co_await connect_inet_name(settings_.endpoint, deadline);
        } else {
            fd = co_await connect_unix(settings_.endpoint, deadline);
        }
        why = fd ? 0 : fd.error().sys_errno;
    } catch (const IoError& error) {
        why = error.sys_errno();
    } catch (const TimedOut&) {
        why = ETIMEDOUT;
    }
    if (why != 0 || !fd) {
        log_warning("connect to {}: {}", settings_.endpoint, std::strerror(why));
        co_return fail_errno("connect", why);
    }
    auto stream = std::make_unique<Stream>(std::move(*fd));
    stream->set_timeout(settings_.limits.timeout);
    co_return std::move(stream);
}

Result<Attributes> PolicyClient::judge(const PolicyReply& reply) const {
    const auto& server = settings_.endpoint;
    switch (reply.state) {
        case PolicyReply::State::kAction:
            return Attributes{{"action", reply.action}};
        case PolicyReply::State::kNoAction:
            log_warning("missing attribute action in input from {}", server);
            break;
        case PolicyReply::State::kActionNoValue:
            log_warning("missing value for string attribute action from {}", server);
            break;
        case PolicyReply::State::kTooLong:
            log_warning("reply from {} is longer than {} bytes", server, kMaxPolicyReply);
            break;
        case PolicyReply::State::kIncomplete:
            break;
    }
    return fail(Errc::kCorrupt, "no action");
}

Task<Result<Attributes>> PolicyClient::read(Stream* stream) const {
    // A server that sends a byte now and then is as late as one that sends nothing.
    stream->set_deadline(Deadline::after(settings_.limits.timeout));
    PolicyReply reply;
    try {
        while (reply.state == PolicyReply::State::kIncomplete) {
            const bool more = co_await stream->fill();
            if (!more) {
                co_return judge(reply);
            }
            reply = parse_policy_reply(stream->buffered());
        }
    } catch (const TimedOut&) {
        if (!stream->buffered().empty()) {
            log_warning("timeout on {} while reading input attribute {}", settings_.endpoint,
                        reply.in_value ? "value" : "name");
        }
        throw;
    }
    stream->consume(reply.length);
    stream->set_deadline({});
    co_return judge(reply);
}

// What is no news: a server that has just been restarted is asked again before anybody hears of it.
static bool is_quiet(int sys_errno) {
    return sys_errno == 0 || sys_errno == EPIPE || sys_errno == ENOENT || sys_errno == ECONNRESET;
}

Task<std::optional<std::string>> PolicyClient::ask(std::string request) {
    const int tries = settings_.limits.tries;
    for (int tried = 1; tried <= tries; ++tried) {
        if (tried > 1) {
            co_await sleep_for(settings_.limits.retry_delay);
        }
        auto reply = co_await connections_.call_once(request);
        if (reply) {
            co_return std::move(reply->front().second);
        }
        const int why = reply.error().sys_errno;
        if (tried == tries || !is_quiet(why)) {
            log_warning("problem talking to server {}: {}", settings_.endpoint,
                        why == 0 ? "Application error" : std::strerror(why));
        }
    }
    co_return std::nullopt;
}

}  // namespace relais::smtpd
