// One client of postscreen: what is known of it, and its way through the tests.  Thousands of them
// wait for their greeting at the same time, so that what only some need (the SMTP conversation) is
// made when it is needed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"

#include "postscreen/site.h"
#include "postscreen/test_results.h"

namespace relais::postscreen {

class Client {
  public:
    Client(Site& site, UniqueFd fd) : site_(site), fd_(std::move(fd)) {}

    // Serves the client until it is gone, or smtpd has it.
    [[nodiscard]] Task<void> run();

  private:
    friend class SmtpEngine;

    enum class Next { kEarlyTests, kConversation, kHandOver, kEnd };

    // Where a proxy comes first, its header; false: the connection is good for nothing (logged).
    [[nodiscard]] Task<bool> find_endpoints();
    [[nodiscard]] Task<bool> read_proxy_header();

    // It counts from now on.
    void come_in();

    // Before any test: limits, the access list, the cache.
    [[nodiscard]] Task<Next> admit();
    [[nodiscard]] Task<std::optional<Next>> consult_access_list();
    [[nodiscard]] Task<std::optional<Next>> consult_cache();
    bool is_over_limits();
    Next first_step() const;

    // Tests while the client waits for its greeting.
    [[nodiscard]] Task<Next> run_early_tests();
    // What has come from a client that should wait.
    Next note_early_input();
    Next note_pregreet(std::string_view input);
    Next note_dnsbl(const ClientScore& score);
    Next after_early_tests() const;

    // The conversation; its room is taken when it begins.
    [[nodiscard]] Task<void> converse();

    // The end: result, cache, and either smtpd or good-bye.
    [[nodiscard]] Task<void> conclude();
    [[nodiscard]] Task<void> hand_over();

    // A test was failed.  True where the client is cut off, with `reply` after "521 "; where the
    // failure is enforced, its recipients are refused with "550 " and `reply`.
    bool fail(Test test, std::string_view reply);
    bool apply(Action action, std::string_view reply);
    void pass(Test test, std::time_t until);
    void drop(std::string_view reply);

    // A reply without TLS around it, as far as it goes out without waiting.
    void send(std::string_view reply) const;
    // The whole reply as it is sent, with the footer.
    std::string complete_reply(std::string_view reply) const;
    std::string expand_footer(std::string_view footer) const;
    void note_hangup(std::string_view where);
    std::string elapsed() const;

    std::string_view recipient_reply() const {
        return recipient_reply_.empty() ? "450 4.3.2 Service currently unavailable"
                                        : std::string_view(recipient_reply_);
    }

    bool is_todo(Test test) const { return (todo_ & only(test)) != 0; }

    // "[192.0.2.1]:12345", as the log has it.
    std::string label() const { return "[" + address_ + "]:" + port_; }

    Site& site_;
    UniqueFd fd_;
    std::string address_, port_, server_address_, server_port_;
    std::unique_ptr<Site::Presence> presence_;
    TestResults results_;
    TestSet todo_ = 0, passed_ = 0, failed_ = 0;
    bool failed_otherwise_ = false;  // an access list, the wrong server address
    bool is_new_ = true;
    bool stays_here_ = false;  // smtpd never gets it
    bool hung_up_ = false;
    std::string recipient_reply_;  // empty: the one that says "come back"
    std::string final_reply_;      // empty: none is due
    SteadyTime since_;             // the beginning of the tests under way
};

}  // namespace relais::postscreen
