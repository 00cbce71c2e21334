// reject_unverified_sender and reject_unverified_recipient: would mail to this address be taken?
// verify(8) knows, or sends a probe and knows a little later.
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/ipc/verify_client.h"

#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

struct VerifyWords {
    std::string_view reply_class, dsn, temporary_action;
    int defer_code, reject_code;
    const std::string& reason;  // instead of what verify says
};

// What verify knows, asked again while a probe is under way.
Task<Result<VerifiedAddress>> ask_verify(std::string address) {
    for (int tries = conf().address_verify_poll_count();; --tries) {
        auto answer = co_await query_verified_address(conf().address_verify_service_name(), address,
                                                      conf().ipc_timeout());
        if (!answer || answer->status != AddressStatus::kPending || tries <= 1) {
            co_return answer;
        }
        co_await sleep_for(conf().address_verify_poll_delay());
    }
}

Task<Verdict> reject_unverified(Check& check, std::string address, const VerifyWords* words) {
    const auto answer = co_await ask_verify(address);
    const auto prefix = format("<{}>: {} rejected: ", address, words->reply_class);
    if (!answer) {
        log_warning("{}", answer.error().message);
        co_return check.reject_for_now(words->temporary_action, 450, words->dsn,
                                       prefix + "address verification problem");
    }
    if (answer->status == AddressStatus::kDeliverable) {
        co_return Verdict::kDunno;
    }
    const bool is_final = answer->status == AddressStatus::kUndeliverable;
    const auto text =
        prefix + (!words->reason.empty()
                      ? words->reason
                      : format("{}: {}", is_final ? "undeliverable address" : "unverified address",
                               answer->reason));
    if (is_final) {
        co_return check.reject(words->reject_code, words->dsn, text);
    }
    co_return check.reject_for_now(words->temporary_action, words->defer_code, words->dsn, text);
}

}  // namespace

Task<Verdict> restrict_reject_unverified_sender(Check& check, const RestrictionItem& /*item*/) {
    if (check.sender().empty()) {
        co_return Verdict::kDunno;
    }
    const VerifyWords words{"Sender address",
                            "4.1.7",
                            "unverified_sender_tempfail_action",
                            conf().unverified_sender_defer_code(),
                            conf().unverified_sender_reject_code(),
                            conf().unverified_sender_reject_reason()};
    co_return co_await reject_unverified(check, check.sender(), &words);
}

Task<Verdict> restrict_reject_unverified_recipient(Check& check, const RestrictionItem& /*item*/) {
    if (check.recipient.empty()) {
        co_return Verdict::kDunno;
    }
    const VerifyWords words{"Recipient address",
                            "4.1.1",
                            "unverified_recipient_tempfail_action",
                            conf().unverified_recipient_defer_code(),
                            conf().unverified_recipient_reject_code(),
                            conf().unverified_recipient_reject_reason()};
    co_return co_await reject_unverified(check, check.recipient, &words);
}

}  // namespace relais::smtpd
