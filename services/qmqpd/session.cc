#include "services/qmqpd/session.h"

#include <algorithm>
#include <ctime>

#include <sys/socket.h>
#include <sys/time.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/dns/host_lookup.h"
#include "lib/event/errors.h"
#include "lib/event/loop.h"
#include "lib/ipc/mail_source.h"
#include "lib/ipc/receive_override.h"
#include "lib/mail/address.h"
#include "lib/mail/date.h"
#include "lib/maps/servers/table_replies.h"

namespace relais::qmqpd {

namespace {

constexpr std::size_t kFlushAt = 65536;

unsigned cleanup_flags() {
    return (kCleanupExternal & ~receive_override().cleanup_flags) |
           utf8_detection(MailSource::kQmqpd);
}

}  // namespace

Session::Session(Site& site, UniqueFd fd)
    : site_(site),
      stream_(std::move(fd)),
      request_(static_cast<std::size_t>(std::max<long>(conf().message_size_limit(), 0))) {
    stream_.set_timeout(conf().qmqpd_timeout());
}

Task<void> Session::run() {
    co_await identify_client();
    log_info("connect from {}", label_);
    bool cancelled = false;
    try {
        co_await serve();
    } catch (const TimedOut&) {
        tell("read/write timeout");
    } catch (const IoError&) {
        tell("lost connection");
    } catch (const Cancelled&) {
        cancelled = true;
    }
    if (cleanup_ && !cancelled) {
        // So that cleanup can tell what it throws away.
        (void)co_await cleanup_->flush();
    }
    cleanup_.reset();
    if (!cancelled) {
        log_info("disconnect from {}", label_);
    }
}

Task<void> Session::identify_client() {
    auto peer = SocketAddress::peer_of(stream_.fd());
    if (peer && peer->is_ip()) {
        address_ = peer->host();
        port_ = std::to_string(peer->port());
        family_ = address_.find(':') == std::string::npos ? AF_INET : AF_INET6;
        const auto found = co_await resolve_client_name(site_.dns.get(), *peer);
        name_ = found.name;
        reverse_name_ = found.reverse_name;
    } else if (peer) {
        name_ = reverse_name_ = "localhost";
        address_ = "127.0.0.1";
        family_ = AF_INET;
    }
    label_ = format("{}[{}]", name_, address_);
    if (conf().qmqpd_client_port_logging()) {
        label_ += ":" + port_;
    }
}

// "QID: client: what while receiving message content"
void Session::tell(std::string_view what) const {
    log_info("{}: {}: {} while receiving {}", cleanup_ ? cleanup_->queue_id() : "NOQUEUE", label_,
             what, request_.place());
}

Task<void> Session::answer(Answer how, std::string text) {
    if (how != Answer::kOk && conf().qmqpd_error_delay().count() > 0) {
        co_await sleep_for(conf().qmqpd_error_delay());
    }
    stream_.write(make_netstring(static_cast<char>(how) + text));
    co_await stream_.flush();
}

Task<void> Session::refuse(Answer how, std::string text) {
    log_warning("{}: {}: {}", cleanup_ ? cleanup_->queue_id() : "NOQUEUE", label_, text);
    co_await answer(how, std::move(text));
}

Task<void> Session::serve() {
    const auto known = co_await site_.authorized.match(name_, address_);
    if (known == Match::kError) {
        co_await answer(Answer::kRetry, "Error: server configuration error");
        co_return;
    }
    if (known != Match::kYes) {
        co_await answer(Answer::kHard,
                        format("Error: {} is not authorized to use this service", label_));
        co_return;
    }
    const bool opened = co_await open_queue_file();
    if (!opened) {
        co_return;
    }
    const bool received = co_await receive();
    if (received) {
        co_await pass_on();
    }
}

Task<bool> Session::open_queue_file() {
    auto opened = co_await CleanupClient::open("public/" + conf().cleanup_service_name(),
                                               cleanup_flags(), conf().ipc_timeout());
    if (!opened) {
        log_warning("{}", opened.error().message);
        co_await answer(Answer::kRetry, "Error: queue file write error");
        co_return false;
    }
    cleanup_ = std::move(*opened);
    log_info("{}: client={}", cleanup_->queue_id(), label_);
    co_return true;
}

Task<bool> Session::receive() {
    for (;;) {
        stream_.consume(request_.take(stream_.buffered()));
        if (request_.state() != RequestState::kIncomplete) {
            break;
        }
        const bool more = co_await stream_.fill();
        if (!more) {
            request_.end();
        }
    }
    if (request_.state() == RequestState::kComplete) {
        co_return true;
    }
    if (request_.state() == RequestState::kTorn) {
        throw IoError("lost connection");
    }
    const std::string_view what = request_.state() == RequestState::kTooLong
                                      ? "netstring length exceeds storage limit"
                                      : "netstring format error";
    tell(what);
    co_await answer(Answer::kHard, format("{} while receiving {}", what, request_.place()));
    co_return false;
}

// False for a sender that asks for VERP with delimiters that may not be used.
bool Session::put_envelope() {
    timeval now{};
    ::gettimeofday(&now, nullptr);
    cleanup_->put(Rec::kTime, format("{} {}", now.tv_sec, now.tv_usec));
    if (const auto& filter = conf().content_filter(); !filter.empty()) {
        cleanup_->put(Rec::kFilter, filter);
    }
    const auto verp = verp_sender(request_.sender);
    if (verp && conf().verp_delimiter_filter().find(verp->delimiters[0]) == std::string::npos) {
        return false;
    }
    cleanup_->put(Rec::kSender, verp ? verp->sender : request_.sender);
    if (verp) {
        cleanup_->put(Rec::kVerp, verp->delimiters);
    }
    cleanup_->put_attribute("log_client_name", name_);
    cleanup_->put_attribute("log_client_address", address_);
    cleanup_->put_attribute("log_client_port", port_);
    cleanup_->put_attribute("log_message_origin", label_);
    cleanup_->put_attribute("log_protocol_name", "QMQP");
    cleanup_->put_attribute("client_name", name_);
    cleanup_->put_attribute("reverse_client_name", reverse_name_);
    cleanup_->put_attribute("client_address", address_);
    cleanup_->put_attribute("client_port", port_);
    cleanup_->put_attribute("protocol_name", "QMQP");
    cleanup_->put_attribute("client_address_type", std::to_string(family_));
    std::string_view left = request_.recipients;
    while (!left.empty()) {
        const auto end = left.find('\0');
        cleanup_->put(Rec::kRecipient, left.substr(0, end));
        left.remove_prefix(end + 1);
    }
    return true;
}

void Session::put_received() {
    const auto date = format_mail_date(std::time(nullptr));
    const std::string literal = family_ == AF_INET6 ? "IPv6:" + address_ : address_;
    cleanup_->put(Rec::kLine, format("Received: from {} ({} [{}])", name_, name_, literal));
    if (request_.recipient_count == 1) {
        const std::string recipient = request_.recipients.substr(0, request_.recipients.size() - 1);
        cleanup_->put(Rec::kLine, format("\tby {} ({}) with QMQP id {}", conf().myhostname(),
                                         conf().mail_name(), cleanup_->queue_id()));
        const std::string shown = recipient.empty() ? "\"\"" : quote_address(recipient);
        cleanup_->put(Rec::kLine, format("\tfor <{}>; {}", printable(shown), date));
    } else {
        cleanup_->put(Rec::kLine,
                      format("\tby {} ({}) with QMQP", conf().myhostname(), conf().mail_name()));
        cleanup_->put(Rec::kLine, format("\tid {}; {}", cleanup_->queue_id(), date));
    }
}

Task<void> Session::put_content() {
    const auto longest = static_cast<std::size_t>(conf().line_length_limit());
    std::string_view left = request_.message;
    bool first = true;
    while (!left.empty()) {
        const auto end = left.find('\n');
        std::string_view line = left.substr(0, end);
        const bool torn = end == std::string_view::npos;  // no line feed at the end
        left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
        if (first && trim_left(line, ">").starts_with("From ")) {
            cleanup_->put(Rec::kLine, format("X-Mailbox-Line: {}", line));
            first = false;
            continue;
        }
        if (first && !line.empty() && is_blank(line.front())) {
            cleanup_->put(Rec::kLine, "");  // or the header above would swallow it
        }
        first = false;
        for (; line.size() > longest; line.remove_prefix(longest)) {
            cleanup_->put(Rec::kLinePart, line.substr(0, longest));
        }
        if (torn) {
            cleanup_->put(Rec::kLinePart, line);
            line = {};
        }
        cleanup_->put(Rec::kLine, line);
        if (cleanup_->unsent() > kFlushAt) {
            const auto flushed = co_await cleanup_->flush();
            if (!flushed) {
                co_return;  // finish() will fail, too
            }
        }
    }
}

Task<void> Session::pass_on() {
    if (!put_envelope()) {
        co_await refuse(
            Answer::kHard,
            format("Error: Invalid VERP delimiters: \"{}\". Need two characters from \"{}\"",
                   verp_sender(request_.sender)->delimiters, conf().verp_delimiter_filter()));
        co_return;
    }
    cleanup_->put(Rec::kContent, "");
    put_received();
    co_await put_content();
    cleanup_->put(Rec::kExtracted, "");
    cleanup_->put(Rec::kEnd, "");
    const std::string queue_id = cleanup_->queue_id();
    const auto reply = co_await cleanup_->finish();
    if (!reply) {
        co_await refuse(Answer::kRetry, "Error: queue file write error");
    } else if (reply->ok()) {
        co_await answer(Answer::kOk, "Ok: queued as " + queue_id);
    } else {
        const auto& status = cleanup_status_text(reply->status);
        const std::string_view text = reply->reason.empty() ? status.text : reply->reason;
        co_await refuse(status.smtp_code / 100 == 5 ? Answer::kHard : Answer::kRetry,
                        format("Error: {}", text));
    }
    cleanup_.reset();
}

}  // namespace relais::qmqpd
