#include "bounce/operations.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/event/blocking.h"
#include "lib/ipc/delivery_request.h"
#include "lib/mail/address.h"
#include "lib/queue/queue_file.h"
#include "lib/queue/sendopts.h"

#include "bounce/log_file.h"
#include "bounce/notification.h"
#include "bounce/verp.h"

namespace relais::bounce {

namespace {

bool notify_class(std::string_view name) {
    auto words = split_words(conf().notify_classes(), ", \t\r\n");
    return std::any_of(words.begin(), words.end(),
                       [name](std::string_view word) { return iequals(word, name); });
}

bool from_double_bounce(const BounceRequest& request) {
    return iequals(request.sender, double_bounce_address());
}

// Everything that one operation works with.
struct Job {
    Job(const Service& of, const BounceRequest& what, Kind kind)
        : service(of),
          request(what),
          message(open_subject(of.dirs, what)),
          source(of.templates.of(kind)) {}

    // Opens the log; an operation goes on without one.  False where there is one, or a message,
    // that cannot be read now: a notification without them would be the last word about it.
    [[nodiscard]] bool open_its_log() {
        auto opened = open_log(service.dirs, service.name, request.queue_id);
        if (opened) {
            log = std::move(*opened);
        } else if (opened.error().sys_errno != ENOENT) {
            log_warning("open {} {}: {}", service.name, request.queue_id, opened.error().message);
            return false;
        }
        return !message.unreadable;
    }

    Entries entries(int filter) const {
        bool deferred = service.name == conf().defer_service_name();
        return {log.get(),
                deferred ? DeliveryLogReader::Defaults::kDeferred
                         : DeliveryLogReader::Defaults::kBounced,
                filter};
    }

    NotificationPlan plan() const {
        NotificationPlan out;
        out.request = &request;
        out.message = &message;
        out.source = &source;
        return out;
    }

    const Service& service;
    const BounceRequest& request;
    SubjectMessage message;
    const Template& source;
    UniqueFd log;
};

// Posts the notification and says so in the log.  True also where there was nothing to report.
Task<bool> post(NotificationPlan plan, Entries* entries, std::string_view what) {
    std::string id = plan.request->queue_id;
    if (!entries->any()) {
        if (entries->failure()) {
            log_warning("{}: {}: {}", id, what, entries->failure()->message);
        }
        co_return !entries->failure();
    }
    auto posted = co_await post_notification(std::move(plan), entries);
    if (!posted) {
        log_warning("{}: {}: {}", id, what, posted.error().message);
        co_return false;
    }
    log_info("{}: {}: {}", id, what, *posted);
    co_return true;
}

Task<bool> to_sender(const Job* job, Entries* entries, DsnRet ret, std::string_view what) {
    NotificationPlan plan = job->plan();
    plan.recipient = job->request.sender;
    plan.ret = ret;
    co_return co_await post(std::move(plan), entries, what);
}

Task<bool> to_postmaster(const Job* job, Entries* entries, std::string address, DsnRet ret,
                         std::string_view what) {
    NotificationPlan plan = job->plan();
    plan.copy = Copy::kForPostmaster;
    plan.sender = double_bounce_address();
    plan.recipient = std::move(address);
    plan.ret = ret;
    co_return co_await post(std::move(plan), entries, what);
}

constexpr std::string_view kSenderFailure = "sender non-delivery notification";
constexpr std::string_view kPostmasterFailure = "postmaster non-delivery notification";
constexpr std::string_view kSenderDelay = "sender delay notification";
constexpr std::string_view kPostmasterDelay = "postmaster delay notification";

// RFC 8689 section 5: content that was to travel under protection does not travel back without.
DsnRet unless_redacted(const BounceRequest& request, DsnRet ret) {
    const bool redacted = (request.sendopts & kRequireTls) != 0 && conf().requiretls_redact_dsn();
    return redacted ? DsnRet::kHeaders : ret;
}

DsnRet wanted_ret(const BounceRequest& request) {
    const bool headers = request.ret_flags == static_cast<int>(DsnRet::kHeaders);
    return unless_redacted(request, headers ? DsnRet::kHeaders : DsnRet::kFull);
}

// A bounce that bounced: the end of the line is the postmaster, if he wants it.
Task<bool> report_double_bounce(const Job* job, Entries* entries) {
    if (!notify_class("2bounce")) {
        co_return true;
    }
    DsnRet ret = unless_redacted(job->request, DsnRet::kFull);
    co_return co_await to_postmaster(job, entries, conf()._2bounce_notice_recipient(), ret,
                                     kPostmasterFailure);
}

// The postmaster's copy is a courtesy: its failure does not bounce the message again.
Task<void> copy_failure(const Job* job, Entries* entries) {
    if (!notify_class("bounce")) {
        co_return;
    }
    bool posted = co_await to_postmaster(job, entries, conf().bounce_notice_recipient(),
                                         DsnRet::kHeaders, kPostmasterFailure);
    if (!posted) {
        log_warning("{}: postmaster notice failed while bouncing to {}", job->request.queue_id,
                    job->request.sender);
    }
}

// The common order of things for failures: nothing for notices that bounced, the postmaster for
// bounces that bounced, the sender and perhaps the postmaster for all else.
Task<bool> report_failures(const Job* job, Entries* for_sender, Entries* for_postmaster) {
    const BounceRequest& request = job->request;
    if (from_double_bounce(request)) {
        log_warning("{}: undeliverable postmaster notification discarded", request.queue_id);
        co_return true;
    }
    if (request.sender.empty()) {
        co_return co_await report_double_bounce(job, for_postmaster);
    }
    bool posted = co_await to_sender(job, for_sender, wanted_ret(request), kSenderFailure);
    if (posted) {
        co_await copy_failure(job, for_postmaster);
    }
    co_return posted;
}

// BounceFlag kBounceMarkDone: the recipients that were reported need no more delivery.
void mark_done(const Job& job, const LogEntry& entry) {
    if (entry.offset > 0 && job.message.file) {
        auto marked = mark_recipient_done(job.message.file.get(), entry.offset);
        if (!marked) {
            log_warning("{}: {}", job.request.queue_id, marked.error().message);
        }
    }
}

void mark_all_done(const Job& job) {
    if ((job.request.flags & kBounceMarkDone) == 0) {
        return;
    }
    Entries entries = job.entries(kEveryNotify);
    while (auto entry = entries.next()) {
        mark_done(job, *entry);
    }
}

void remove_its_log(const Job& job) {
    auto removed = remove_log(job.service.dirs, job.service.name, job.request.queue_id);
    if (!removed) {
        log_fatal("{}", removed.error().message);
    }
}

// The text that a log line for this entry would be made of: all of it must fit the wire.
DeliveryStatus printable_status(const DeliveryStatus& status) {
    DeliveryStatus out = status;
    for (std::string* text : {&out.reason, &out.diag_text, &out.mta_mname}) {
        std::ranges::replace(*text, '\n', ' ');  // a reply of several lines
        *text = printable(*text, '?', utf8_mode());
    }
    return out;
}

}  // namespace

Task<bool> append(const Service* service, const BounceRequest* request) {
    bool compatible = conf().backwards_bounce_logfile_compatibility();
    LogEntry entry = log_entry_of(*request);
    std::string bytes =
        format_log_entry(entry, compatible ? OldStyleLine::kYes : OldStyleLine::kNo, utf8_mode());
    // The helper thread works on values that stay here until it is done.
    const QueueDirs* dirs = &service->dirs;
    const std::string* name = &service->name;
    const std::string* id = &request->queue_id;
    const std::string* text = &bytes;
    auto work = [dirs, name, id, text] { return append_to_log(*dirs, *name, *id, *text); };
    Result<void> appended;
    if (waits_for_disk(*name)) {
        appended = co_await run_blocking(std::move(work));
    } else {
        appended = work();
    }
    if (!appended) {
        log_warning("{}: {}", request->queue_id, appended.error().message);
    }
    co_return appended.has_value();
}

Task<bool> flush(const Service* service, const BounceRequest* request) {
    Job job(*service, *request, Kind::kFailure);
    if (!job.open_its_log()) {
        co_return false;
    }
    Entries for_sender = job.entries(kNotifyFailure);
    Entries for_postmaster = job.entries(kEveryNotify);
    bool done = co_await report_failures(&job, &for_sender, &for_postmaster);
    if (done) {
        mark_all_done(job);
        remove_its_log(job);
    }
    co_return done;
}

Task<bool> bounce_one(const Service* service, const BounceRequest* request) {
    Job job(*service, *request, Kind::kFailure);
    if (job.message.unreadable) {
        co_return false;
    }
    LogEntry entry = log_entry_of(*request);
    entry.address = quote_address(entry.address);
    entry.original = quote_address(entry.original);
    entry.status = printable_status(entry.status);
    bool unwanted = entry.notify != kNotifyNone && (entry.notify & kNotifyFailure) == 0;
    Entries one(entry);
    bool to_a_sender = !request->sender.empty() && !from_double_bounce(*request);
    if (to_a_sender && unwanted) {
        co_await copy_failure(&job, &one);
        co_return true;
    }
    co_return co_await report_failures(&job, &one, &one);
}

Task<bool> flush_verp(const Service* service, const BounceRequest* request) {
    Job job(*service, *request, Kind::kFailure);
    if (!job.open_its_log()) {
        co_return false;
    }
    Entries failed = job.entries(kNotifyFailure);
    bool done = true;
    for (auto entry = failed.next(); entry && done; entry = failed.next()) {
        Entries one(*entry);
        NotificationPlan plan = job.plan();
        plan.recipient = verp_address(request->sender, *entry, request->verp_delimiters);
        plan.ret = wanted_ret(*request);
        done = co_await post(std::move(plan), &one, kSenderFailure);
        if (done && (request->flags & kBounceMarkDone) != 0) {
            mark_done(job, *entry);
        }
    }
    if (!done) {
        co_return false;
    }
    Entries all = job.entries(kEveryNotify);
    co_await copy_failure(&job, &all);
    remove_its_log(job);
    co_return true;
}

Task<bool> warn(const Service* service, const BounceRequest* request) {
    if (from_double_bounce(*request)) {
        log_warning("{}: undeliverable postmaster notification discarded", request->queue_id);
        co_return true;
    }
    Job job(*service, *request, Kind::kDelay);
    if (!job.open_its_log()) {
        co_return false;
    }
    bool told = true;
    if (!request->sender.empty()) {
        Entries delayed = job.entries(kNotifyDelay);
        told = co_await to_sender(&job, &delayed, DsnRet::kHeaders, kSenderDelay);
    }
    if (!told || !notify_class("delay")) {
        co_return told;
    }
    Entries all = job.entries(kEveryNotify);
    bool posted = co_await to_postmaster(&job, &all, conf().delay_notice_recipient(),
                                         DsnRet::kHeaders, kPostmasterDelay);
    if (!posted) {
        log_warning("{}: postmaster notice failed while warning {}", request->queue_id,
                    request->sender);
    }
    co_return posted || !request->sender.empty();
}

Task<bool> trace(const Service* service, const BounceRequest* request) {
    bool double_bounce = from_double_bounce(*request);
    if (double_bounce || request->sender.empty()) {
        log_info("{}: not sending trace/success notification for {}-bounce message",
                 request->queue_id, double_bounce ? "double" : "single");
        auto removed = remove_log(service->dirs, service->name, request->queue_id);
        co_return removed.has_value();
    }
    constexpr int kAskedByUser = kVerifyForUser | kRecordDelivery;
    bool asked = (request->flags & kAskedByUser) != 0;
    Job job(*service, *request, asked ? Kind::kVerify : Kind::kSuccess);
    if (!job.open_its_log()) {
        co_return false;
    }
    if (!job.log) {
        log_info("{}: no trace file -- not sending a notification", request->queue_id);
        co_return true;
    }
    Entries entries = job.entries(asked ? kEveryNotify : kNotifySuccess);
    bool told =
        co_await to_sender(&job, &entries, DsnRet::kHeaders, "sender delivery status notification");
    if (told) {
        remove_its_log(job);
    }
    co_return told;
}

}  // namespace relais::bounce
