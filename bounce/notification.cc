#include "bounce/notification.h"

#include <algorithm>
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/mail/date.h"
#include "lib/mail/header.h"
#include "lib/queue/record_reader.h"

#include "bounce/line_wrap.h"

namespace relais::bounce {

namespace {

// What the parts of a notification share.
class Writer {
  public:
    Writer(const NotificationPlan& plan, InternalMail& mail) : plan_(plan), mail_(mail) {
        boundary_ =
            format("{}.{}/{}", plan.request->queue_id, std::time(nullptr), conf().myhostname());
    }

    void header();
    // What has gathered is handed over from entry to entry: there may be very many.
    [[nodiscard]] Task<Result<void>> people_text(Entries* entries);
    [[nodiscard]] Task<Result<void>> status_part(Entries* entries);
    void original_head(DsnRet ret);

    void line(std::string_view text) { mail_.line(text); }

    void end() {
        line("");
        line("--" + boundary_ + "--");
    }

  private:
    bool for_sender() const { return plan_.copy == Copy::kForSender; }

    bool is_8bit() const { return plan_.message->encoding == "8bit"; }

    std::string_view address_type(std::string_view address) const {
        return plan_.message->utf8_addresses && !is_ascii(address) ? "utf-8" : "rfc822";
    }

    // The status fields are ASCII but in global-delivery-status.
    enum class Body { kAscii, kMay8bit };

    void part_head(std::string_view description, std::string_view type, Body body = Body::kMay8bit);
    void wrapped(const std::string& text);
    void recipient_text(const LogEntry& entry);
    void message_fields();
    void recipient_fields(const LogEntry& entry);

    const NotificationPlan& plan_;
    InternalMail& mail_;
    std::string boundary_;
};

void Writer::header() {
    const Template& source = *plan_.source;
    line("From: " + source.from);
    line("Subject: " + (for_sender() ? source.subject : source.postmaster_subject));
    line("To: " + quote_address(plan_.recipient));
    if (!plan_.message->message_id.empty()) {
        line("References: " + plan_.message->message_id);
        line("In-Reply-To: " + plan_.message->message_id);
    }
    if (plan_.message->tls_not_required) {
        line("TLS-Required: no");
    }
    // RFC 3834 section 5
    line(for_sender() ? "Auto-Submitted: auto-replied" : "Auto-Submitted: auto-generated");
    line("MIME-Version: 1.0");
    line("Content-Type: multipart/report; report-type=delivery-status;");
    line("\tboundary=\"" + boundary_ + "\"");
    if (!plan_.message->encoding.empty()) {
        bool ascii = std::ranges::all_of(source.text, is_ascii);
        line("Content-Transfer-Encoding: " + (ascii ? plan_.message->encoding : "8bit"));
    }
    line("");
    line("This is a MIME-encapsulated message.");
}

void Writer::part_head(std::string_view description, std::string_view type, Body body) {
    line("");
    line("--" + boundary_);
    line(format("Content-Description: {}", description));
    line(format("Content-Type: {}", type));
    if (is_8bit() && body == Body::kMay8bit) {
        line("Content-Transfer-Encoding: 8bit");
    }
    line("");
}

Task<Result<void>> Writer::people_text(Entries* entries) {
    bool ascii = iequals(plan_.source->charset, "us-ascii");
    std::string charset = ascii && is_8bit() ? "utf-8" : plan_.source->charset;
    part_head("Notification", "text/plain; charset=" + charset);
    if (for_sender()) {
        for (const std::string& text : expand_text(*plan_.source)) {
            line(text);
        }
    }
    if (entries->log_missing()) {
        line("\t--- Delivery report unavailable ---");
    }
    entries->rewind();
    Result<void> written;
    for (auto entry = entries->next(); entry && written; entry = entries->next()) {
        recipient_text(*entry);
        written = co_await mail_.flush_if_large();
    }
    co_return written;
}

void Writer::wrapped(const std::string& text) {
    for (const std::string& part : wrap_line(text)) {
        line(part);
    }
}

void Writer::recipient_text(const LogEntry& entry) {
    line("");
    bool expanded = !entry.original.empty();
    std::string who = expanded ? format("<{}> (expanded from <{}>)", entry.address, entry.original)
                               : format("<{}>", entry.address);
    wrapped(format("{}: {}", who, entry.status.reason));
}

// RFC 3464 2.2: the fields about the message.
void Writer::message_fields() {
    const SubjectMessage& message = *plan_.message;
    line("Reporting-MTA: dns; " + conf().myhostname());
    if (!plan_.request->envelope_id.empty()) {
        line("Original-Envelope-Id: " + plan_.request->envelope_id);
    }
    line(format("X-{}-Queue-ID: {}", conf().mail_name(), plan_.request->queue_id));
    if (!message.sender.empty()) {
        line(format("X-{}-Sender: {}; {}", conf().mail_name(), address_type(message.sender),
                    message.sender));
    }
    if (message.arrival > 0) {
        line("Arrival-Date: " + format_mail_date(message.arrival));
    }
}

// RFC 3464 2.3: the fields about a recipient.
void Writer::recipient_fields(const LogEntry& entry) {
    const DeliveryStatus& status = entry.status;
    line("");
    line(format("Final-Recipient: {}; {}", address_type(entry.address), entry.address));
    if (!entry.dsn_orig_rcpt.empty()) {
        line("Original-Recipient: " + entry.dsn_orig_rcpt);
    } else if (!entry.original.empty()) {
        line(format("Original-Recipient: {}; {}", address_type(entry.original), entry.original));
    }
    bool failed = plan_.source->kind == Kind::kFailure;
    line("Action: " + (failed ? std::string("failed") : status.action));
    line("Status: " + status.status);
    if (!status.mta_type.empty() && !status.mta_mname.empty()) {
        line(format("Remote-MTA: {}; {}", status.mta_type, status.mta_mname));
    }
    if (!status.diag_type.empty() && !status.diag_text.empty()) {
        wrapped(format("Diagnostic-Code: {}; {}", status.diag_type, status.diag_text));
    } else {
        wrapped(format("Diagnostic-Code: X-{}; {}", conf().mail_name(), status.reason));
    }
    if (plan_.source->kind == Kind::kDelay && plan_.message->arrival > 0) {
        std::time_t until = plan_.message->arrival + conf().maximal_queue_lifetime().count();
        line("Will-Retry-Until: " + format_mail_date(until));
    }
}

Task<Result<void>> Writer::status_part(Entries* entries) {
    std::string_view global = plan_.message->utf8 ? "global-" : "";
    part_head("Delivery report", format("message/{}delivery-status", global),
              plan_.message->utf8 ? Body::kMay8bit : Body::kAscii);
    message_fields();
    entries->rewind();
    Result<void> written;
    for (auto entry = entries->next(); entry && written; entry = entries->next()) {
        recipient_fields(*entry);
        written = co_await mail_.flush_if_large();
    }
    co_return written;
}

void Writer::original_head(DsnRet ret) {
    bool undelivered = plan_.source->kind == Kind::kFailure || plan_.source->kind == Kind::kDelay;
    bool headers = ret == DsnRet::kHeaders;
    std::string description = undelivered ? "Undelivered " : "";
    description += headers ? "Message Headers" : "Message";
    std::string_view type;
    if (plan_.message->utf8) {
        type = headers ? "message/global-headers" : "message/global";
    } else {
        type = headers ? "text/rfc822-headers" : "message/rfc822";
    }
    part_head(description, type);
    if (!plan_.message->sender.empty()) {
        line(format("Return-Path: <{}>", plan_.message->sender));
    }
}

// The header ends at the first line that cannot be one of it.
bool ends_header(std::string_view text) {
    if (text.empty()) {
        return true;
    }
    if (text[0] == ' ' || text[0] == '\t') {
        return false;
    }
    return !is_header(text);
}

Task<Result<void>> copy_original(const SubjectMessage* message, DsnRet ret, InternalMail* mail) {
    ContentReader reader(message->file.get(), message->data_offset);
    bool at_line_start = true;
    for (;;) {
        auto line = reader.next();
        if (!line) {
            co_return fail_with(line);
        }
        bool done =
            !*line || (ret == DsnRet::kHeaders && at_line_start && ends_header((*line)->text));
        if (done) {
            co_return Result<void>();
        }
        at_line_start = (*line)->complete;
        mail->content((*line)->complete ? Rec::kLine : Rec::kLinePart, (*line)->text);
        auto flushed = co_await mail->flush_if_large();
        if (!flushed) {
            co_return flushed;
        }
    }
}

DsnRet allowed_ret(const NotificationPlan& plan) {
    bool too_large =
        conf().bounce_size_limit() > 0 && plan.message->size > conf().bounce_size_limit();
    return too_large ? DsnRet::kHeaders : plan.ret;
}

}  // namespace

Entries::Entries(LogEntry one)
    : reader_(-1, DeliveryLogReader::Defaults::kBounced, utf8_mode()), one_(std::move(one)) {
}

std::optional<LogEntry> Entries::next() {
    if (one_) {
        return std::exchange(one_taken_, true) ? std::nullopt : one_;
    }
    while (has_log_) {
        auto entry = reader_.next();
        if (!entry) {
            failure_ = entry.error();
            return std::nullopt;
        }
        if (!*entry) {
            return std::nullopt;
        }
        bool wanted = filter_ == kEveryNotify || (*entry)->notify == kNotifyNone ||
                      ((*entry)->notify & filter_) != 0;
        if (wanted) {
            return std::move(*entry);
        }
    }
    return std::nullopt;
}

void Entries::rewind() {
    reader_.rewind();
    one_taken_ = false;
}

bool Entries::any() {
    rewind();
    return log_missing() || next().has_value();
}

Task<Result<std::string>> post_notification(NotificationPlan plan, Entries* entries) {
    InternalMailOptions options;
    options.sender = plan.sender;
    options.recipient = plan.recipient;
    options.cleanup_flags = plan.message->utf8 ? static_cast<unsigned>(kCleanupSmtputf8) : 0U;
    // RFC 8689 5: a way back that is as well protected may not exist.
    if (plan.message->require_tls && !conf().requiretls_redact_dsn()) {
        options.cleanup_flags |= kCleanupRequireTls;
    }
    auto opened = co_await InternalMail::open(std::move(options));
    if (!opened) {
        co_return fail_with(opened);
    }
    InternalMail& mail = **opened;
    Writer writer(plan, mail);
    writer.header();
    auto written = co_await writer.people_text(entries);
    if (written) {
        written = co_await writer.status_part(entries);
    }
    if (!written) {
        co_return fail_with(written);
    }
    if (entries->failure()) {
        co_return std::unexpected(*entries->failure());
    }
    DsnRet ret = allowed_ret(plan);
    writer.original_head(ret);
    if (plan.message->file) {
        auto copied = co_await copy_original(plan.message, ret, &mail);
        if (!copied) {
            co_return fail_with(copied);
        }
    } else {
        writer.line("\t--- Undelivered message unavailable ---");
    }
    writer.end();
    auto finished = co_await mail.finish();
    if (!finished) {
        co_return fail_with(finished);
    }
    co_return mail.queue_id();
}

}  // namespace relais::bounce
