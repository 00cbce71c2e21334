#include "lib/sasl/cyrus_library.h"

#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include <poll.h>
#include <sasl/saslutil.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/auth_mechanism.h"

namespace relais {

namespace {

constexpr int kIdleMilliseconds = 60'000;

constexpr std::array<std::pair<unsigned, unsigned>, 6> kFlags = {{
    {SaslSecurity::kNoPlaintext, SASL_SEC_NOPLAINTEXT},
    {SaslSecurity::kNoActive, SASL_SEC_NOACTIVE},
    {SaslSecurity::kNoDictionary, SASL_SEC_NODICTIONARY},
    {SaslSecurity::kForwardSecrecy, SASL_SEC_FORWARD_SECRECY},
    {SaslSecurity::kNoAnonymous, SASL_SEC_NOANONYMOUS},
    {SaslSecurity::kMutual, SASL_SEC_MUTUAL_AUTH},
}};

// The library's remarks, under the words that log readers know.
int log_remark(void* /*context*/, int level, const char* message) {
    if (level == SASL_LOG_ERR || level == SASL_LOG_WARN) {
        log_warning("SASL authentication problem: {}", printable(message));
    } else if (level == SASL_LOG_FAIL) {
        log_warning("SASL authentication failure: {}", printable(message));
    } else if (level == SASL_LOG_NOTE && log_verbose() > 0) {
        log_info("SASL authentication info: {}", printable(message));
    }
    return SASL_OK;
}

// Kills this process when a step takes too long, whatever the library does with signals.
class Watchdog {
  public:
    Watchdog() {
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGKILL;
        if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
            log_fatal("timer_create: {}", std::strerror(errno));
        }
    }

    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    ~Watchdog() { ::timer_delete(timer_); }

    void set(std::chrono::seconds time) {  // 0: off
        itimerspec spec{};
        spec.it_value.tv_sec = time.count();
        ::timer_settime(timer_, 0, &spec, nullptr);
    }

  private:
    timer_t timer_{};
};

// False when there is no more work.
bool read_more(int fd, std::string& input, bool busy) {
    std::array<char, 4096> block{};
    for (;;) {
        pollfd wait = {fd, POLLIN, 0};
        const int ready = ::poll(&wait, 1, busy ? -1 : kIdleMilliseconds);
        const ssize_t got = ready > 0 ? ::read(fd, block.data(), block.size()) : ready;
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got > 0) {
            input.append(block.data(), static_cast<std::size_t>(got));
        }
        return got > 0;
    }
}

}  // namespace

int cyrus_restrict(sasl_conn_t* connection, unsigned bits) {
    sasl_security_properties_t properties{};
    for (const auto& [bit, flag] : kFlags) {
        properties.security_flags |= (bits & bit) != 0 ? flag : 0;
    }
    return ::sasl_setprop(connection, SASL_SEC_PROPS, &properties);
}

std::array<sasl_callback_t, 2>& cyrus_callbacks() {
    using Proc = int (*)(void);
    static std::array<sasl_callback_t, 2> callbacks = {
        {{SASL_CB_LOG, std::bit_cast<Proc>(&log_remark), nullptr},
         {SASL_CB_LIST_END, nullptr, nullptr}}};
    return callbacks;
}

Result<void> cyrus_set_config_path(std::string path) {
    if (!path.empty() && ::sasl_set_path(SASL_PATH_TYPE_CONFIG, path.data()) != SASL_OK) {
        return fail(Errc::kDenied,
                    format("failed to set Cyrus SASL configuration path: \"{}\"", path));
    }
    return {};
}

int cyrus_decode(std::string_view base64, std::string& out) {
    out.resize(base64.size() + 1);
    unsigned length = 0;
    const int status = ::sasl_decode64(base64.data(), static_cast<unsigned>(base64.size()),
                                       out.data(), static_cast<unsigned>(out.size()), &length);
    out.resize(status == SASL_OK ? length : 0);
    return status;
}

void cyrus_converse(int fd, CyrusConversation& conversation, std::size_t longest_line,
                    std::chrono::seconds step_time) {
    Watchdog watchdog;
    std::string input;
    if (!write_all(fd, "VERSION\t1\t1\nDONE\n")) {
        return;
    }
    while (input.size() <= longest_line && read_more(fd, input, conversation.is_busy())) {
        for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
            const auto fields = parse_auth_line(std::string_view(input).substr(0, end));
            watchdog.set(step_time);
            const std::string answer = conversation.answer(fields);
            log_flush(1000);
            watchdog.set(std::chrono::seconds(0));
            if (!write_all(fd, answer)) {
                return;
            }
            input.erase(0, end + 1);
        }
    }
}

}  // namespace relais
