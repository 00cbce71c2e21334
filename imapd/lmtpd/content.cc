// The content of a message, and what becomes of it: a reply for each recipient (RFC 2033 4.2).
#include <array>
#include <ctime>
#include <map>

#include "lib/access/session_log.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/errors.h"
#include "lib/smtp/data_decoder.h"
#include "lib/store/mail_quota.h"

#include "imapd/lmtpd/session.h"

namespace relais::lmtpd {

namespace {

using Kind = DeliveryResult::Kind;

// "Mon, 30 Nov 2026 06:09:56 +0000"
std::string trace_date() {
    std::time_t now = ::time(nullptr);
    std::tm parts{};
    ::localtime_r(&now, &parts);
    std::array<char, 64> text{};
    std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S %z", &parts);
    return {text.data(), size};
}

bool too_large(const Message& message) {
    return conf().message_size_limit() > 0 && message.content_size() > conf().message_size_limit();
}

}  // namespace

// The address of the only recipient, as header fields tell it; empty: they do not.
std::string Session::told_address() const {
    if (mail_.recipients.size() != 1 || site_.delivered_to() == DeliveredTo::kNone) {
        return "";
    }
    const Recipient& first = mail_.recipients.front();
    return site_.delivered_to() == DeliveredTo::kOriginal ? first.original : first.path;
}

std::string Session::trace_headers() const {
    std::string lines = format("Return-Path: <{}>\n", mail_.sender);
    if (std::string address = told_address(); !address.empty()) {
        lines += format("Delivered-To: {}\n", address);
    }
    return lines + received_header();
}

std::string Session::received_header() const {
    if (!conf().lmtpd_add_received_header()) {
        return "";
    }
    std::string lines =
        format("Received: from {}{}\n\tby {} with {}LMTP{}\n\tid {}\n\t(envelope-from <{}>)", helo_,
               remote_.empty() ? "" : format(" ([{}])", remote_), conf().myhostname(),
               mail_.utf8 ? "UTF8" : "", secured_ ? "S" : "", id(), mail_.sender);
    if (mail_.recipients.size() == 1 && site_.delivered_to() != DeliveredTo::kNone) {
        std::string address = told_address();
        lines += format("\n\tfor <{}>", address.empty() ? mail_.recipients.front().path : address);
    }
    return lines + format("; {}\n", trace_date());
}

void Session::begin_content() {
    show("DATA");
    auto limit = static_cast<std::size_t>(conf().line_length_limit());
    mail_.message = std::make_unique<Message>(site_.spool());
    mail_.chunks.emplace(smtp::BareNewline::kNormalize, limit);
    std::string headers = trace_headers();
    headers.pop_back();
    for (std::string_view line : split_fields(headers, '\n')) {
        mail_.message->write(line, LineEnd::kYes);
    }
    mail_.message->begin_content();
}

void Session::take_line(const smtp::DataDecoder::Line& line) {
    if (!too_large(*mail_.message)) {  // the rest is read, and forgotten
        mail_.message->write(line.text,
                             line.part == LinePart::kWhole ? LineEnd::kYes : LineEnd::kNo);
    }
}

Task<void> Session::receive_data() {
    smtp::DataDecoder decoder(smtp::BareNewline::kNormalize,
                              static_cast<std::size_t>(conf().line_length_limit()));
    smtp::DataDecoder::Line line;
    for (;;) {
        std::string_view input = stream_.buffered();
        std::size_t before = input.size();
        auto step = decoder.next(input, line);
        while (step == smtp::DataDecoder::Step::kLine) {
            take_line(line);
            step = decoder.next(input, line);
        }
        stream_.consume(before - input.size());
        if (step == smtp::DataDecoder::Step::kEnd) {
            co_return;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            throw EndOfStream();
        }
    }
}

Task<void> Session::receive_chunk(std::uint64_t size) {
    smtp::DataDecoder::Line line;
    while (size > 0) {
        if (stream_.buffered().empty()) {
            bool more = co_await stream_.fill();
            if (!more) {
                throw EndOfStream();
            }
        }
        std::string_view whole = stream_.buffered().substr(0, size);
        for (std::string_view input = whole; mail_.chunks->next(input, line);) {
            take_line(line);
        }
        size -= whole.size();
        stream_.consume(whole.size());
    }
}

Task<void> Session::skip_chunk(std::uint64_t size) {
    while (size > 0) {
        if (stream_.buffered().empty()) {
            bool more = co_await stream_.fill();
            if (!more) {
                throw EndOfStream();
            }
        }
        std::size_t taken = stream_.buffered().substr(0, size).size();
        size -= taken;
        stream_.consume(taken);
    }
}

void Session::reply_for_all(std::string_view code, std::string_view text) {
    for (const Recipient& recipient : mail_.recipients) {
        stream_.write(format("{} <{}> {}\r\n", code, recipient.path, text));
    }
}

Task<void> Session::end_message() {
    auto finished = mail_.message->finish();
    if (!finished) {
        log_warning("{}: {}", id(), finished.error().message);
        reply_for_all("452 4.3.1", "Not enough disk space");
    } else if (too_large(*mail_.message)) {
        reply_for_all("552 5.3.4", "Message size exceeds fixed limit");
    } else {
        co_await deliver_all();
    }
    reset();
}

Task<void> Session::deliver_all() {
    auto results = co_await deliver();
    auto replies = co_await relay_content();
    for (std::size_t i = 0; i < mail_.recipients.size(); ++i) {
        if (mail_.recipients[i].relay == nullptr) {
            reply_for(i, results[i]);
        } else {
            reply_relayed(i, replies[i]);
        }
    }
}

// One result for each recipient whose mailbox is here: those who were named before get that of the
// first time.
Task<std::map<std::size_t, DeliveryResult>> Session::deliver() {
    DeliveryOrder order;
    order.size = mail_.message->size();
    order.wire_size = mail_.message->wire_size();
    std::map<std::size_t, std::size_t> places;
    for (std::size_t i = 0; i < mail_.recipients.size(); ++i) {
        const Recipient& recipient = mail_.recipients[i];
        if (recipient.relay != nullptr) {
            continue;
        }
        if (recipient.same_as == i) {
            places[i] = order.recipients.size();
            order.recipients.push_back(recipient.to);
        } else {
            places[i] = places[recipient.same_as];
        }
    }
    std::map<std::size_t, DeliveryResult> results;
    if (places.empty()) {
        co_return results;
    }
    auto own = co_await site_.pool().carry_out(std::move(order), mail_.message->fd());
    for (auto [recipient, place] : places) {
        results[recipient] = own[place];
    }
    co_return results;
}

void Session::reply_for(std::size_t index, const DeliveryResult& result) {
    const Recipient& recipient = mail_.recipients[index];
    std::string reply;
    std::string outcome;
    switch (result.kind) {
        case Kind::kSaved:
            reply = format("250 2.0.0 <{}> {} Saved", recipient.path, id_for(recipient.same_as));
            outcome = "saved mail to " + printable(result.text);
            break;
        case Kind::kTooLarge:  // no later attempt makes it smaller
            reply = format("552 5.2.3 <{}> {}", recipient.path, kMailTooLarge);
            outcome = "save failed: larger than quota_max_mail_size";
            break;
        case Kind::kOverQuota:
            reply = format("{} <{}> {}", conf().quota_full_tempfail() ? "452 4.2.2" : "552 5.2.2",
                           recipient.path, conf().quota_exceeded_message());
            outcome = "save failed: " + conf().quota_exceeded_message();
            break;
        case Kind::kDiskFull:
            reply = format("452 4.3.1 <{}> Not enough disk space", recipient.path);
            outcome = "save failed: " + result.text;
            break;
        case Kind::kTrouble:
            reply = format(
                "451 4.2.0 <{}> Internal error occurred. Refer to server log for more information.",
                recipient.path);
            outcome = "save failed: " + result.text;
            break;
    }
    stream_.write(reply + "\r\n");
    const std::string& msgid = mail_.message->message_id();
    log_session(
        format("{}<{}>", session_of("lmtp", recipient.to.identity.user), id_for(recipient.same_as)),
        format("from=<{}>, size={}, msgid={}: {}", printable(mail_.sender), mail_.message->size(),
               msgid.empty() ? "unspecified" : printable(msgid), outcome));
}

}  // namespace relais::lmtpd
