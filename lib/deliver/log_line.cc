#include "lib/deliver/log_line.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/utf8_mode.h"
#include "lib/mail/address.h"

namespace relais {

namespace {

constexpr long kMillion = 1'000'000;
constexpr int kSignificantDigits = 2;

long power_of_ten(int exponent) {
    long value = 1;
    for (int i = 0; i < exponent; ++i) {
        value *= 10;
    }
    return value;
}

// Clocks that were set back make no negative delays.
timeval elapsed(timeval from, timeval to) {
    timeval out{to.tv_sec - from.tv_sec, to.tv_usec - from.tv_usec};
    while (out.tv_usec < 0) {
        out.tv_usec += kMillion;
        out.tv_sec -= 1;
    }
    return out.tv_sec < 0 ? timeval{} : out;
}

bool is_set(timeval time) {
    return time.tv_sec > 0;
}

struct Delays {
    timeval total{};
    timeval before_queue{};  // until the queue manager took it up
    timeval in_queue{};
    timeval connecting{};
    timeval transmitting{};
};

Delays delays_of(const DeliveryTimes& times, timeval now) {
    if (is_set(times.delivery_done)) {
        now = times.delivery_done;
    }
    Delays out;
    out.total = elapsed(times.incoming_arrival, now);
    if (!is_set(times.active_arrival)) {
        out.before_queue = out.total;
        return out;
    }
    out.before_queue = elapsed(times.incoming_arrival, times.active_arrival);
    if (!is_set(times.agent_handoff)) {
        out.in_queue = elapsed(times.active_arrival, now);
        return out;
    }
    out.in_queue = elapsed(times.active_arrival, times.agent_handoff);
    timeval sending_from = times.agent_handoff;
    if (is_set(times.connection_done)) {
        out.connecting = elapsed(times.agent_handoff, times.connection_done);
        sending_from = times.connection_done;
    }
    out.transmitting = elapsed(sending_from, now);
    return out;
}

// The least power of ten of microseconds that the digits reach, at most a second.
long resolution_of(timeval delay, int significant_digits, int resolution_digits) {
    long micros = std::min(delay.tv_sec, kMillion) * kMillion + delay.tv_usec;
    long resolution = kMillion / power_of_ten(resolution_digits);
    long keep = power_of_ten(significant_digits);
    while (resolution < kMillion && micros / resolution >= keep) {
        resolution *= 10;
    }
    return resolution;
}

}  // namespace

std::string format_delay(timeval delay, int significant_digits, int resolution_digits) {
    long resolution = resolution_of(delay, significant_digits, resolution_digits);
    long seconds = delay.tv_sec;
    long micros = delay.tv_usec;
    if (resolution > 1) {
        micros += resolution / 2;
        if (micros >= kMillion) {
            seconds += 1;
            micros -= kMillion;
        }
    }
    std::string out = std::to_string(seconds);
    if (micros < resolution) {
        return out;
    }
    out += '.';
    for (long place = kMillion / 10; micros >= resolution; place /= 10) {
        out += static_cast<char>('0' + micros / place);
        micros %= place;
    }
    return out;
}

std::string delivery_log_line(const DeliveryEvent& event, std::string_view word, timeval now,
                              const LogLineStyle& style) {
    const Recipient& rcpt = event.recipient;
    auto form = [&style](const std::string& address) {
        return printable(style.quoted ? quote_address(address) : address, '?', style.utf8);
    };
    std::string line = format("{}: to=<{}>", event.queue_id, form(rcpt.address));
    if (!rcpt.original.empty() && rcpt.original != rcpt.address) {
        line += format(", orig_to=<{}>", form(rcpt.original));
    }
    line += format(", relay={}", event.relay);
    if (event.times.reuse_count > 0) {
        line += format(", conn_use={}", event.times.reuse_count + 1);
    }
    Delays delays = delays_of(event.times, now);
    auto shown = [&style](timeval delay) {
        return format_delay(delay, kSignificantDigits, style.resolution_digits);
    };
    line +=
        format(", delay={}, delays={}/{}/{}/{}", shown(delays.total), shown(delays.before_queue),
               shown(delays.in_queue), shown(delays.connecting), shown(delays.transmitting));
    line += event.tls.empty() ? "" : format(", tls={}", event.tls);
    line += format(", dsn={}, status={} ({})", event.status.status, word, event.status.reason);
    return line;
}

std::string address_in_log(const std::string& address) {
    bool external = conf().info_log_address_format() == "external";
    return printable(external ? quote_address(address) : address, '?', utf8_mode());
}

}  // namespace relais
