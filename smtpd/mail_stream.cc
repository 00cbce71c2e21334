// The message on its way to cleanup: see the header.
#include "smtpd/mail_stream.h"

#include <sys/time.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/ipc/mail_source.h"
#include "lib/milter/handover.h"

#include "smtpd/content.h"
#include "smtpd/postdrop_pipe.h"
#include "smtpd/proxy_filter.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// Records are passed on to cleanup when so many bytes have gathered.
constexpr std::size_t kFlushAt = std::size_t{64} << 10;

unsigned cleanup_flags(const Session& session) {
    unsigned flags = kCleanupExternal | kCleanupSmtpReply | utf8_detection(MailSource::kSmtpd) |
                     (session.mail.parameters.smtputf8 ? unsigned{kCleanupSmtputf8} : 0U) |
                     (session.mail.parameters.requiretls ? unsigned{kCleanupRequireTls} : 0U);
    const auto& override = session.site.receive_override;
    for (const auto& word : override.unknown) {
        log_warning("unknown receive_override_options value \"{}\"", word);
    }
    flags &= ~override.cleanup_flags;
    if (!session.milters.any()) {
        flags &= ~static_cast<unsigned>(kCleanupMilter);  // cleanup's own are for other mail
    }
    return flags;
}

void put_sender(Session& session) {
    auto& mail = session.mail;
    auto& cleanup = *mail.cleanup;
    if (session.login.authenticated()) {
        cleanup.put_attribute("sasl_method", session.login.method);
        cleanup.put_attribute("sasl_username", session.login.user);
        if (mail.parameters.auth && *mail.parameters.auth != "<>") {
            cleanup.put_attribute("sasl_sender", *mail.parameters.auth);
        }
    }
    if (!mail.parameters.envelope_id.empty()) {
        cleanup.put_attribute("envelope_id", mail.parameters.envelope_id);
    }
    if (mail.parameters.ret != DsnRet::kNone) {
        cleanup.put_attribute("ret_flags", std::to_string(static_cast<int>(mail.parameters.ret)));
    }
    cleanup.put(Rec::kSender, *mail.sender);
    if (mail.parameters.verp) {
        cleanup.put(Rec::kVerp, mail.parameters.verp->empty() ? conf().default_verp_delimiters()
                                                              : *mail.parameters.verp);
    }
    if (mail.parameters.body != smtp::BodyType::kNone) {
        cleanup.put_attribute("encoding",
                              mail.parameters.body == smtp::BodyType::k8bit ? "8bit" : "7bit");
    }
}

// First who the message comes from for people and their logs (XFORWARD may have told), then who is
// connected.
void put_client(Session& session) {
    auto& cleanup = *session.mail.cleanup;
    const auto& client = session.client;
    const auto* from = session.described_client();
    const std::string_view protocol = session.extended ? "ESMTP" : "SMTP";
    const auto name = from != nullptr ? from->name : client.name;
    const auto address = from != nullptr ? from->address : client.address;
    const auto helo = from != nullptr ? from->helo : session.helo;
    cleanup.put_attribute("log_client_name", name);
    cleanup.put_attribute("log_client_address", address);
    cleanup.put_attribute("log_client_port", from != nullptr ? from->port : client.port);
    cleanup.put_attribute("log_message_origin", from != nullptr ? from->label() : client.label);
    if (!helo.empty()) {
        cleanup.put_attribute("log_helo_name", helo);
    }
    cleanup.put_attribute("log_protocol_name", from != nullptr ? from->protocol : protocol);
    cleanup.put_attribute("client_name", client.name);
    cleanup.put_attribute("reverse_client_name", client.reverse_name);
    cleanup.put_attribute("client_address", client.address);
    cleanup.put_attribute("client_port", client.port);
    cleanup.put_attribute("server_address", session.server_address);
    cleanup.put_attribute("server_port", session.server_port);
    if (!session.helo.empty()) {
        cleanup.put_attribute("helo_name", session.helo);
    }
    cleanup.put_attribute("protocol_name", protocol);
    cleanup.put_attribute("client_address_type", std::to_string(client.family));
}

void log_client(const Session& session) {
    auto line = format("{}: client={}", session.queue_id(), session.client.label);
    if (session.login.authenticated()) {
        line +=
            format(", sasl_method={}, sasl_username={}", session.login.method, session.login.user);
        if (session.mail.parameters.auth && *session.mail.parameters.auth != "<>") {
            line += format(", sasl_sender={}", *session.mail.parameters.auth);
        }
    }
    if (session.forwarded && !session.forwarded->ident.empty()) {
        line += format(", orig_queue_id={}", session.forwarded->ident);
    }
    if (const auto* from = session.described_client(); from != nullptr) {
        line += format(", orig_client={}", from->label());
    }
    log_line(Severity::kInfo, printable(line));
}

}  // namespace

// As open_mail(), without what only the daemon knows and pickup adds.
static Task<std::string> open_stand_alone(Session& session) {
    auto& mail = session.mail;
    auto opened = co_await open_postdrop();
    if (!opened) {
        log_warning("{}", opened.error().message);
        co_return std::string("451 4.3.0 Error: queue file write error");
    }
    mail.cleanup = std::move(*opened);
    mail.queue_id = mail.cleanup->queue_id();
    mail.cleanup->put(Rec::kSender, *mail.sender);
    log_client(session);
    co_return std::string();
}

static Task<std::string> open_proxied(Session& session) {
    auto& mail = session.mail;
    mail.proxy = std::make_unique<ProxyFilter>(session, mail.command);
    const bool open = co_await mail.proxy->open();
    if (!open) {
        auto refusal = mail.proxy->refusal();
        mail.proxy.reset();
        co_return refusal;
    }
    log_client(session);
    co_return std::string();
}

Task<std::string> open_mail(Session& session) {
    auto& mail = session.mail;
    if (session.stand_alone()) {
        co_return co_await open_stand_alone(session);
    }
    if (!conf().smtpd_proxy_filter().empty()) {
        co_return co_await open_proxied(session);
    }
    auto opened = co_await CleanupClient::open("public/" + conf().cleanup_service_name(),
                                               cleanup_flags(session), conf().ipc_timeout());
    if (!opened) {
        log_warning("{}", opened.error().message);
        co_return format("451 4.3.0 Error: queue file write error");
    }
    mail.cleanup = std::move(*opened);
    mail.queue_id = mail.cleanup->queue_id();
    if (session.milters.any()) {
        // First of all, so that cleanup does not begin with filters of its own.
        mail.cleanup->put_encoded(milter::no_filters_record());
    }
    timeval now{};
    ::gettimeofday(&now, nullptr);
    mail.cleanup->put(Rec::kTime, format("{} {}", now.tv_sec, now.tv_usec));
    if (const auto& filter = conf().content_filter(); !filter.empty()) {
        mail.cleanup->put(Rec::kFilter, filter);
    }
    const bool has_ident = session.forwarded && !session.forwarded->ident.empty();
    mail.cleanup->put_attribute("log_ident", has_ident ? session.forwarded->ident : mail.queue_id);
    const bool local = co_await session.site.is_local_client(session);
    const bool forwarded_local = session.forwarded && iequals(session.forwarded->domain, "local");
    const bool forwarded_remote = session.forwarded && iequals(session.forwarded->domain, "remote");
    mail.cleanup->put_attribute(
        "rewrite_context", (local && !forwarded_remote) || forwarded_local ? "local" : "remote");
    put_sender(session);
    put_client(session);
    log_client(session);
    co_return std::string();
}

void put_recipient(Transaction& mail, const std::string& recipient, int notify,
                   const std::string& original) {
    mail.recipients += 1;
    if (mail.first_recipient.empty()) {
        mail.first_recipient = recipient;
    }
    if (mail.proxy) {
        return;
    }
    if (notify != kNotifyNone) {
        mail.cleanup->put_attribute("notify_flags", std::to_string(notify));
    }
    mail.cleanup->put_attribute("dsn_orig_rcpt", original);
    mail.cleanup->put(Rec::kRecipient, recipient);
}

Task<std::string> pass_recipient(Transaction& mail, std::string command) {
    const bool passed = !mail.proxy || co_await mail.proxy->recipient(std::move(command));
    co_return passed ? std::string() : mail.proxy->refusal();
}

Task<std::string> pass_data(Transaction& mail) {
    const bool passed = !mail.proxy || co_await mail.proxy->begin_data();
    co_return passed ? std::string() : mail.proxy->refusal();
}

void put_content(Transaction& mail, Rec type, std::string_view text) {
    if (mail.proxy) {
        mail.proxy->put(type, text);
    } else {
        mail.cleanup->put(type, text);
    }
}

Task<unsigned> relieve(Transaction& mail) {
    if (mail.proxy) {
        const bool passed = co_await mail.proxy->relieve();
        co_return passed ? 0U : static_cast<unsigned>(kCleanupProxy);
    }
    if (mail.cleanup->unsent() < kFlushAt) {
        co_return 0U;
    }
    const auto sent = co_await mail.cleanup->flush();
    co_return sent ? 0U : static_cast<unsigned>(kCleanupWrite);
}

void begin_content(Session& session) {
    auto& mail = session.mail;
    if (mail.cleanup) {
        if (mail.actions.cleanup_flags != 0) {
            // Early, so that cleanup does nothing with a message that is thrown away.
            mail.cleanup->put(Rec::kFlags, std::to_string(mail.actions.cleanup_flags));
        }
        mail.cleanup->put(Rec::kContent, "");
    }
    for (const auto& header : mail.actions.prepend) {
        put_content(mail, Rec::kLine, header);
    }
    // Between two filters of one system, this one is no hop.
    if (mail.proxy && session.forwarded) {
        return;
    }
    for (const auto& line : received_header(session)) {
        put_content(mail, Rec::kLine, line);
    }
}

Task<CleanupReply> end_mail(Session& session) {
    auto& cleanup = *session.mail.cleanup;
    const auto& actions = session.mail.actions;
    if (actions.discard) {  // cleanup notices that nobody goes on
        CleanupReply done;
        done.status = kCleanupOk;
        co_return done;
    }
    cleanup.put(Rec::kExtracted, "");
    if (!actions.filter.empty()) {
        cleanup.put(Rec::kFilter, actions.filter);
    }
    if (!actions.redirect.empty()) {
        cleanup.put(Rec::kRedirect, actions.redirect);
    }
    for (const auto& bcc : actions.bcc) {
        cleanup.put(Rec::kRecipient, bcc);
        cleanup.put_attribute("notify_flags", std::to_string(kNotifyNever));
    }
    if (actions.cleanup_flags != 0) {
        cleanup.put(Rec::kFlags, std::to_string(actions.cleanup_flags));
    }
    cleanup.put(Rec::kEnd, "");
    auto answer = co_await cleanup.finish();
    if (!answer) {
        log_warning("{}: {}", session.mail.queue_id, answer.error().message);
        CleanupReply failed;
        failed.status = kCleanupWrite;
        co_return failed;
    }
    co_return std::move(*answer);
}

Task<std::string> end_proxied_mail(Session& session, unsigned problems) {
    auto& mail = session.mail;
    const bool taken = problems == 0 && co_await mail.proxy->finish();
    session.logged_recipient = mail.first_recipient;
    auto line = format("proxy-{}: {}: {};{}", taken ? "accept" : "reject", session.where,
                       mail.proxy->logged_reply(), session.who_and_how());
    log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
    if (problems != 0) {
        CleanupReply answer;
        answer.status = problems;
        co_return content_refusal(answer);
    }
    co_return taken ? mail.proxy->reply_for_client() : mail.proxy->refusal();
}

}  // namespace relais::smtpd
