// The tests while a client waits for its greeting: does it talk before its turn, and do DNS lists
// know it?
#include <array>
#include <cerrno>
#include <ctime>

#include <sys/socket.h>

#include "lib/base/escape.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/watch.h"

#include "postscreen/client.h"

namespace relais::postscreen {

namespace {

constexpr std::string_view kPhase = "tests before SMTP handshake";

// Waits for the first of: input (or hang-up), the last DNS list, the end of the time.
class EarlyWait {
  public:
    EarlyWait(int fd, std::shared_ptr<ClientScore> score, Deadline deadline)
        : deadline_(deadline), score_(std::move(score)), watch_(fd, [this] { on_input(); }) {
        watch_.start();
        if (score_ && score_->pending > 0) {
            place_ = score_->waiting.insert(score_->waiting.end(), [this] {
                registered_ = false;
                wake();
            });
            registered_ = true;
        }
    }

    ~EarlyWait() {
        if (registered_) {
            score_->waiting.erase(place_);
        }
    }

    EarlyWait(const EarlyWait&) = delete;
    EarlyWait& operator=(const EarlyWait&) = delete;

    // True where there is input; that is said once.  False: the time is up, or a list has answered.
    [[nodiscard]] Task<bool> next() {
        if (!input_) {
            Wait wait(deadline_);
            waiting_ = &wait;
            try {
                co_await wait;
            } catch (const TimedOut&) {
            } catch (...) {
                waiting_ = nullptr;
                throw;
            }
            waiting_ = nullptr;
        }
        co_return std::exchange(input_, false);
    }

    bool lists_are_done() const { return !score_ || score_->pending == 0; }

    bool time_is_up() const { return deadline_.passed(); }

  private:
    void on_input() {
        watch_.stop();
        input_ = true;
        wake();
    }

    void wake() {
        if (waiting_ != nullptr) {
            waiting_->wake();
        }
    }

    Deadline deadline_;
    std::shared_ptr<ClientScore> score_;
    std::list<std::function<void()>>::iterator place_;
    FdWatch watch_;
    Wait* waiting_ = nullptr;
    bool registered_ = false;
    bool input_ = false;
};

}  // namespace

Task<Client::Next> Client::run_early_tests() {
    since_ = std::chrono::steady_clock::now();
    bool pregreet_done = !is_todo(Test::kPregreet);
    const bool tests_pregreet = !pregreet_done;
    if (tests_pregreet) {
        [[maybe_unused]] const auto sent =
            ::send(fd_.get(), site_.settings.teaser.data(), site_.settings.teaser.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    std::shared_ptr<ClientScore> score;
    if (is_todo(Test::kDnsbl)) {
        score = site_.dnsbl.ask(address_);
    }
    {
        EarlyWait wait(fd_.get(), score,
                       Deadline::after(site_.settings.greet_wait.at(site_.under_stress)));
        while (!wait.time_is_up() && !(pregreet_done && wait.lists_are_done())) {
            const bool input = co_await wait.next();
            if (input && note_early_input() == Next::kEnd) {
                co_return Next::kEnd;
            }
            pregreet_done = pregreet_done || input;
        }
    }
    if (tests_pregreet && !pregreet_done) {
        pass(Test::kPregreet, std::time(nullptr) + conf().postscreen_greet_ttl().count());
    }
    if (score && note_dnsbl(*score) == Next::kEnd) {
        co_return Next::kEnd;
    }
    co_return after_early_tests();
}

[[gnu::noinline]] Client::Next Client::note_early_input() {
    std::array<char, 512> bytes{};
    const auto got = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) {
        note_hangup(kPhase);
        return Next::kEnd;
    }
    // A client that is excused from the test may talk as it likes.
    return is_todo(Test::kPregreet) ? note_pregreet({bytes.data(), static_cast<std::size_t>(got)})
                                    : Next::kConversation;
}

Client::Next Client::note_pregreet(std::string_view input) {
    log_info("PREGREET {} after {} from {}: {:.100}", input.size(), elapsed(), label(),
             escaped(input));
    return fail(Test::kPregreet, "5.5.1 Protocol error") ? Next::kEnd : Next::kConversation;
}

[[gnu::noinline]] Client::Next Client::note_dnsbl(const ClientScore& score) {
    if (score.total >= conf().postscreen_dnsbl_threshold()) {
        log_info("DNSBL rank {} for {}", score.total, label());
        const auto reply = format("5.7.1 Service unavailable; client [{}] blocked using {}",
                                  address_, score.public_name);
        return fail(Test::kDnsbl, reply) ? Next::kEnd : Next::kConversation;
    }
    const auto lifetime =
        std::max(conf().postscreen_dnsbl_min_ttl(),
                 std::min(conf().postscreen_dnsbl_max_ttl(), score.lifetime_if_passed));
    const auto until = std::time(nullptr) + lifetime.count();
    pass(Test::kDnsbl, until);
    const int excused_at = conf().postscreen_dnsbl_allowlist_threshold();
    if (excused_at < 0 && score.total <= excused_at) {
        // Lists of good senders vouch for it in all other respects.
        for (unsigned i = 0; i < kTestCount; ++i) {
            pass(static_cast<Test>(i), until);
        }
    }
    return Next::kConversation;
}

}  // namespace relais::postscreen
