// A client's way: see the header.  early_tests.cc has what happens before the greeting,
// smtp_engine.cc what happens after it, handover.cc how smtpd gets the connection, endpoints.cc who
// the client is.
#include "postscreen/client.h"

#include <ctime>

#include <sys/socket.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/deliver/log_line.h"
#include "lib/event/errors.h"
#include "lib/smtp/reject_footer.h"
#include "lib/smtp/reply.h"

#include "postscreen/smtp_engine.h"

namespace relais::postscreen {

namespace {

std::string softened(std::string_view reply) {
    return conf().soft_bounce() ? smtp::soften_reply(reply) : std::string(reply);
}

}  // namespace

// What run() calls is not inlined: its frame would have room for all of it, as long as the client
// waits.
Task<void> Client::run() {
    const bool known = co_await find_endpoints();
    if (!known) {
        send("421 4.3.2 No system resources");
        co_return;
    }
    come_in();
    auto next = co_await admit();
    if (next == Next::kEarlyTests) {
        next = co_await run_early_tests();
    }
    if (next == Next::kConversation) {
        co_await converse();
    }
    co_await conclude();
}

[[gnu::noinline]] void Client::come_in() {
    presence_ = std::make_unique<Site::Presence>(site_, address_);
    log_info("CONNECT from {} to [{}]:{}", label(), server_address_, server_port_);
    site_.note_load();
}

[[gnu::noinline]] Task<void> Client::converse() {
    SmtpEngine engine(*this);
    co_await engine.run();
}

[[gnu::noinline]] Task<Client::Next> Client::admit() {
    if (is_over_limits()) {
        co_return Next::kEnd;
    }
    auto next = co_await consult_access_list();
    if (next) {
        co_return *next;
    }
    next = co_await consult_cache();
    if (next) {
        co_return *next;
    }
    // Clients that come to another address than that of the best MX earn nothing.
    const auto match = co_await site_.own_interfaces.match(server_address_, server_address_);
    if (match != Match::kYes) {
        failed_otherwise_ = stays_here_ = true;
        log_info("{}LIST VETO {}", site_.allow_word(label()), label());
    }
    if (site_.clients - site_.handed_over >= site_.settings.pre_queue_limit) {
        log_info("reject: connect from {}: all screening ports busy", label());
        drop("421 4.3.2 All screening ports are busy");
        co_return Next::kEnd;
    }
    co_return first_step();
}

bool Client::is_over_limits() {
    const auto& settings = site_.settings;
    if (settings.per_client_limit > 0 && presence_->count() > settings.per_client_limit) {
        log_info("NOQUEUE: reject: CONNECT from {}: too many connections", label());
        drop("421 4.7.0 Error: too many connections");
        return true;
    }
    if (site_.handed_over >= settings.post_queue_limit) {
        log_info("NOQUEUE: reject: CONNECT from {}: all server ports busy", label());
        drop("421 4.3.2 All server ports are busy");
        return true;
    }
    return false;
}

Task<std::optional<Client::Next>> Client::consult_access_list() {
    const auto verdict = co_await site_.access.look_up(address_);
    if (verdict == Access::kPermit) {
        log_info("{}LISTED {}", site_.allow_word(label()), label());
        co_return Next::kHandOver;
    }
    if (verdict == Access::kReject) {
        log_info("{}LISTED {}", site_.deny_word(label()), label());
        failed_otherwise_ = site_.settings.denylist != Action::kIgnore;
        if (apply(site_.settings.denylist, "5.3.2 Service currently unavailable")) {
            co_return Next::kEnd;
        }
    }
    co_return std::nullopt;
}

Task<std::optional<Client::Next>> Client::consult_cache() {
    std::optional<std::string> entry;
    if (const auto cache = site_.cache; cache && !failed_otherwise_) {
        entry = co_await cache->lookup(address_);
    }
    const auto enabled = site_.settings.enabled;
    todo_ = enabled;
    if (entry) {
        results_ = parse_results(*entry);
        is_new_ = results_.is_new();
        todo_ = results_.expired(enabled, std::time(nullptr));
        // A test before the greeting is no time lost for another one, except that the pregreet test
        // would make a client wait that is excused from it.
        if ((todo_ & kEarlyTests) != 0) {
            todo_ |= enabled & only(Test::kDnsbl);
        }
        if (todo_ == 0) {
            log_info("PASS OLD {}", label());
            co_return Next::kHandOver;
        }
    }
    co_return std::nullopt;
}

Client::Next Client::first_step() const {
    return (todo_ & kEarlyTests) != 0 ? Next::kEarlyTests : after_early_tests();
}

Client::Next Client::after_early_tests() const {
    const bool talks = stays_here_ || (todo_ & ~passed_ & kDeepTests) != 0;
    return talks ? Next::kConversation : Next::kHandOver;
}

void Client::drop(std::string_view reply) {
    stays_here_ = true;
    final_reply_ = reply;
}

bool Client::apply(Action action, std::string_view reply) {
    if (action == Action::kDrop) {
        drop(softened(format("521 {}", reply)));
        return true;
    }
    if (action == Action::kEnforce) {
        stays_here_ = true;
        recipient_reply_ = softened(format("550 {}", reply));
    }
    return false;
}

bool Client::fail(Test test, std::string_view reply) {
    const auto action = site_.settings.action(test);
    if (action != Action::kIgnore) {
        failed_ |= only(test);
    }
    return apply(action, reply);
}

void Client::pass(Test test, std::time_t until) {
    passed_ |= only(test);
    results_[test] = until;
}

// Whoever has failed a test is neither praised nor remembered.  Who has passed some of them is
// remembered for these, so that the rest can be passed another time.
[[gnu::noinline]] Task<void> Client::conclude() {
    const bool failed = failed_ != 0 || failed_otherwise_;
    if (!failed && passed_ != 0) {
        if ((todo_ & ~passed_) == 0) {
            log_info("PASS {} {}", is_new_ ? "NEW" : "OLD", label());
        }
        if (site_.cache) {
            site_.cache->put(address_, format_results(results_, site_.settings.enabled));
        }
    }
    if (!stays_here_) {
        co_await hand_over();
        co_return;
    }
    if (!hung_up_ && !final_reply_.empty()) {
        send(final_reply_);
    }
    log_info("DISCONNECT {}", label());
}

void Client::note_hangup(std::string_view where) {
    log_info("HANGUP after {} from {} in {}", elapsed(), label(), where);
    hung_up_ = stays_here_ = true;
}

std::string Client::elapsed() const {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    const auto time =
        duration_cast<microseconds>(std::chrono::steady_clock::now() - since_).count();
    const timeval value{.tv_sec = time / 1'000'000, .tv_usec = time % 1'000'000};
    return format_delay(value, 2, conf().delay_logging_resolution_limit());
}

[[gnu::noinline]] void Client::send(std::string_view reply) const {
    const auto bytes = complete_reply(reply);
    // A client that takes nothing will not mind what it misses.
    [[maybe_unused]] const auto sent =
        ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::string Client::complete_reply(std::string_view reply) const {
    if (!reply.starts_with('4') && !reply.starts_with('5')) {
        return smtp::format_reply(reply);
    }
    const std::string text = softened(reply);
    const auto found = site_.footers.empty() ? Lookup::not_found() : site_.footers.find(text);
    const auto& footer = found.is_found() ? found.value() : site_.settings.reject_footer;
    return smtp::format_reply(footer.empty() ? text
                                             : smtp::add_footer(text, expand_footer(footer)));
}

std::string Client::expand_footer(std::string_view footer) const {
    ExpandOptions options;
    options.filter = site_.settings.expansion_filter;
    options.lookup = [this](std::string_view name) -> std::optional<std::string> {
        if (name == "client_address") {
            return address_;
        }
        if (name == "client_port") {
            return port_;
        }
        if (name == "server_name") {
            return conf().myhostname();
        }
        if (name == "localtime") {
            return smtp::footer_time();
        }
        log_warning("unknown macro name \"{}\" in expansion request", name);
        return std::nullopt;
    };
    const auto expanded = expand(footer, options);
    return expanded ? expanded->text : std::string(footer);
}

}  // namespace relais::postscreen
