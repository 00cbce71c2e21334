#include "cleanup/envelope.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/dsn.h"

#include "cleanup/recipients.h"

namespace relais::cleanup {

namespace {

constexpr std::string_view kEnvelopeTypes = "MCTcFILSDRO/WVA>K<ionfdm";
constexpr std::string_view kExtractedTypes = "EDRO/PreAFIL>Konfdm";

std::string_view segment_name(Segment segment) {
    return segment == Segment::kEnvelope ? "envelope" : "extracted envelope";
}

}  // namespace

bool Envelope::is_detail(Rec type) {
    switch (type) {
        // These wait, for the rewriting of an address or for filters: take(), Milters::take_over().
        case Rec::kSender:
        case Rec::kRecipient:
        case Rec::kMilters:
        // These end a segment, or lead elsewhere in a file: the session's own.
        case Rec::kContent:
        case Rec::kExtracted:
        case Rec::kEnd:
        case Rec::kPointer:
        case Rec::kPadding:
            return false;
        default:
            return true;
    }
}

bool Envelope::expect(Segment segment, Rec type) {
    auto types = segment == Segment::kEnvelope ? kEnvelopeTypes : kExtractedTypes;
    if (types.contains(rec_char(type))) {
        return true;
    }
    message_.reject(kCleanupBad, format("unexpected record type {} in {}",
                                        static_cast<int>(rec_char(type)), segment_name(segment)));
    return false;
}

Task<void> Envelope::take(Segment segment, Rec type, std::string data) {
    if (!expect(segment, type)) {
        co_return;
    }
    if (type == Rec::kRecipient) {
        if (segment == Segment::kExtracted) {
            put_findings();
        }
        co_await take_ready_recipient(std::move(data));
    } else if (type == Rec::kSender && message_.envelope.sender) {
        message_.reject(kCleanupBad, "multiple sender records");
    } else if (type == Rec::kSender) {
        co_await take_first_sender(std::move(data));
    }
}

void Envelope::take_detail(Segment segment, Rec type, std::string_view data) {
    PendingRecipient& pending = message_.envelope.pending;
    if (!expect(segment, type)) {
        return;
    }
    switch (type) {
        case Rec::kOrigRecipient:
            pending.original = data;
            return;
        case Rec::kDsnOrigRecipient:
            pending.dsn_orig_rcpt = data;
            return;
        case Rec::kDsnNotify:
            take_notify("notify_flags", data);
            return;
        case Rec::kDone:
        case Rec::kCanceled:
            pending = {};
            return;
        case Rec::kAttribute:
            take_attribute(data);
            return;
        case Rec::kTime:
            take_time(data);
            return;
        case Rec::kFlags:
            take_extra_flags(data);
            return;
        case Rec::kVerp:
            take_verp(data);
            return;
        case Rec::kDsnRet:
            take_ret("ret_flags", data);
            return;
        case Rec::kDsnEnvid:
            put_attribute("envelope_id", data);
            return;
        // Ours replaces the size; the create time is that of the new file; the rest is history.
        case Rec::kSize:
        case Rec::kCreateTime:
        case Rec::kDelay:
        case Rec::kKilled:
        case Rec::kReturnReceipt:
        case Rec::kErrorsTo:
        case Rec::kPriority:
            return;
        case Rec::kFullName:
            message_.envelope.full_name = data;
            break;
        case Rec::kWarnTime:
            message_.envelope.warning_placed = true;
            break;
        default:
            break;
    }
    put(type, data);
}

Task<void> Envelope::take_first_sender(std::string address) {
    message_.sender_offset = message_.file.offset();
    co_await take_sender(service_, message_, std::move(address));
    message_.put_room(Rec::kPointer, message_.envelope.sender.value_or("").size());
    message_.after_sender = message_.file.offset();
    co_await milters_.play_mail();
}

Task<void> Envelope::take_ready_recipient(std::string address) {
    bool ready = co_await ready_for_recipients();
    if (ready) {
        co_await take_recipient(service_, message_, std::move(address));
        co_await milters_.play_rcpt();
    }
}

void Envelope::put(Rec type, std::string_view data) {
    note_mixture();
    message_.put(type, data);
}

void Envelope::put_attribute(std::string_view name, std::string_view value) {
    note_mixture();
    message_.put_attribute(name, value);
}

void Envelope::note_mixture() {
    if (message_.recipient_count > recipients_before_) {
        message_.qmgr_flags |= kMixedRecipients;
    }
}

void Envelope::take_time(std::string_view data) {
    auto words = split_words(data);
    auto seconds = words.empty() ? std::nullopt : parse_int(words[0]);
    message_.put(Rec::kTime, data);
    message_.put_attribute("create_time", std::to_string(message_.file.time().seconds));
    if (!seconds || *seconds <= 0) {
        return;
    }
    auto usec = words.size() > 1 ? parse_int(words[1]) : std::nullopt;
    message_.envelope.arrival = {*seconds, usec.value_or(0)};
    message_.envelope.has_time = true;
}

void Envelope::take_attribute(std::string_view data) {
    auto pair = split_attribute(data);
    if (!pair) {
        bool no_sign = !data.contains('=');
        message_.reject(kCleanupBad, format("malformed attribute: {}: {}",
                                            no_sign ? "missing '=' after attribute name"
                                                    : "missing attribute name",
                                            printable(data)));
        return;
    }
    if (pair->value.empty()) {
        log_warning("{}: spurious null attribute value for \"{}\" -- ignored", message_.id(),
                    pair->name);
        return;
    }
    take_named(pair->name, pair->value);
}

void Envelope::take_named(std::string_view name, std::string_view value) {
    EnvelopeState& envelope = message_.envelope;
    auto alias = attribute_alias(name);
    if (alias == Rec::kCreateTime) {
        return;
    }
    if (alias == Rec::kDsnOrigRecipient) {
        envelope.pending.dsn_orig_rcpt = value;
        return;
    }
    if (alias == Rec::kDsnNotify) {
        take_notify(name, value);
        return;
    }
    if (alias == Rec::kDsnRet) {
        take_ret(name, value);
        return;
    }
    envelope.client.note(name, value);
    if (name == "rewrite_context") {
        take_context(value);
    } else if (name == "encoding") {
        envelope.encoding = value;
    } else if (name == "envelope_id") {
        envelope.envelope_id = value;
    } else if (name == "trace_flags") {
        envelope.trace_flags = static_cast<int>(parse_uint(value).value_or(0) & 0xffffff);
    } else if (name == "sendopts") {
        const auto wanted = static_cast<int>(parse_uint(value).value_or(0) & 0xff);
        message_.utf8 |= wanted & (kUtf8Requested | kRequireTls);
        return;  // the size record has it
    } else if (name == "log_message_origin") {
        envelope.origin = value;
    } else if (name == "log_helo_name") {
        envelope.helo = value;
    } else if (name == "log_protocol_name") {
        envelope.protocol = value;
    }
    put_attribute(name, value);
}

void Envelope::take_notify(std::string_view name, std::string_view value) {
    auto flags = parse_uint(value);
    if (!flags || *flags > kNotifyAll || *flags == 0 || !valid_notify(static_cast<int>(*flags))) {
        log_warning("{}: ignoring malformed DSN notify record <{}={}>", message_.id(), name,
                    printable(value));
        return;
    }
    message_.envelope.pending.notify = static_cast<int>(*flags);
    // qmgr learns from the size record whether any recipient wants these.
    message_.qmgr_flags |= static_cast<std::int64_t>(*flags) << 1;
}

void Envelope::take_ret(std::string_view name, std::string_view value) {
    if (value != "1" && value != "2") {
        log_warning("{}: ignoring malformed DSN ret flags record <{}={}>", message_.id(), name,
                    printable(value));
        return;
    }
    message_.envelope.ret_flags = value == "1" ? 1 : 2;
    put_attribute("ret_flags", value);
}

void Envelope::take_context(std::string_view value) {
    if (value == "local") {
        message_.envelope.context = RewriteContext::kLocal;
    } else if (value == "remote") {
        message_.envelope.context = RewriteContext::kRemote;
    } else {
        message_.reject(kCleanupBad, format("bad rewrite context: {}", printable(value)));
    }
}

void Envelope::take_extra_flags(std::string_view data) {
    auto flags = parse_uint(data);
    if (!flags || (*flags & ~std::uint64_t{kCleanupExtra}) != 0) {
        log_warning("{}: ignoring bad extra flags: {:#x}", message_.id(), flags.value_or(0));
        return;
    }
    message_.flags |= static_cast<unsigned>(*flags);
}

void Envelope::take_verp(std::string_view data) {
    if (!message_.envelope.sender || message_.envelope.sender->empty()) {
        log_warning("{}: ignoring VERP request for null sender", message_.id());
    } else if (data.size() != 2) {
        log_warning("{}: ignoring bad VERP request: \"{}\"", message_.id(), printable(data));
    } else {
        put(Rec::kVerp, data);
    }
}

Task<bool> Envelope::ready_for_recipients() {
    if (!message_.envelope.has_time) {
        message_.reject(kCleanupBad, "missing time envelope record");
        co_return false;
    }
    if (!message_.envelope.sender) {
        message_.reject(kCleanupBad, "missing sender envelope record");
        co_return false;
    }
    put_warning_time();
    std::string bcc = std::exchange(message_.envelope.sender_bcc, {});
    if (!bcc.empty()) {
        co_await take_bcc(service_, message_, std::move(bcc));
    }
    co_return true;
}

void Envelope::put_warning_time() {
    auto delay = service_.config.delay_warning_time().count();
    EnvelopeState& envelope = message_.envelope;
    if (envelope.warning_placed || delay <= 0 || envelope.sender->empty()) {
        return;
    }
    envelope.warning_placed = true;
    message_.put(Rec::kWarnTime, format("{:>15}", envelope.arrival.seconds + delay));
}

Task<void> Envelope::end_of_envelope() {
    bool ready = co_await ready_for_recipients();
    if (!ready) {
        co_return;
    }
    message_.envelope.pending = {};
    message_.put(Rec::kContent, "");
    message_.data_offset = message_.file.offset();
    recipients_before_ = message_.recipient_count;
}

// What the content has brought to light, before the recipients of the extracted segment: qmgr knows
// it then when it begins to deliver.
void Envelope::put_findings() {
    EnvelopeState& envelope = message_.envelope;
    if (envelope.findings_written) {
        return;
    }
    envelope.findings_written = true;
    if (!message_.asked.filter.empty()) {
        message_.put(Rec::kFilter, message_.asked.filter);
    }
    if (!message_.asked.redirect.empty()) {
        message_.put(Rec::kRedirect, message_.asked.redirect);
    }
    if (!envelope.encoding.empty()) {
        message_.put_attribute("encoding", envelope.encoding);
    }
}

Task<void> Envelope::end_of_message() {
    put_findings();
    const std::string& always_bcc = service_.config.always_bcc();
    bool copies = (message_.flags & kCleanupBcc) != 0 && message_.recipient_count > 0;
    if (copies && !always_bcc.empty()) {
        co_await take_bcc(service_, message_, always_bcc);
    }
    std::vector<std::string> none;
    for (std::string& bcc : message_.recipient_count > 0 ? message_.asked.bcc : none) {
        co_await take_bcc(service_, message_, std::move(bcc));
    }
    if (message_.recipient_count == 0 && message_.status == 0 && !message_.skipping()) {
        message_.fail(kCleanupRecipients);
    }
    if (message_.editable) {
        message_.recipients_end = message_.file.offset();
        message_.put_pointer(0);
        message_.after_recipients = message_.file.offset();
    }
    message_.put(Rec::kEnd, "");
}

}  // namespace relais::cleanup
