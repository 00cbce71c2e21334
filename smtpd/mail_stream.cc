// The message on its way to cleanup: see the header.
#include "smtpd/mail_stream.h"

#include <sys/time.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "smtpd/postdrop_pipe.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

unsigned cleanup_flags() {
    unsigned flags = kCleanupExternal | kCleanupSmtpReply;
    for (const auto word : split_words(conf().receive_override_options(), ", \t\r\n")) {
        if (iequals(word, "no_header_body_checks")) {
            flags &= ~static_cast<unsigned>(kCleanupFilter);
        } else if (iequals(word, "no_address_mappings")) {
            flags &= ~static_cast<unsigned>(kCleanupBcc | kCleanupMap);
        } else if (iequals(word, "no_milters")) {
            flags &= ~static_cast<unsigned>(kCleanupMilter);
        } else if (!iequals(word, "no_unknown_recipient_checks")) {
            log_warning("unknown receive_override_options value \"{}\"", word);
        }
    }
    return conf().smtputf8_enable() ? flags | kCleanupAutoUtf8 : flags;
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
    const auto* from = session.forwarded.get();
    const std::string_view protocol = session.extended ? "ESMTP" : "SMTP";
    const auto name = from != nullptr ? from->name : client.name;
    const auto address = from != nullptr ? from->address : client.address;
    const auto helo = from != nullptr ? from->helo : session.helo;
    cleanup.put_attribute("log_client_name", name);
    cleanup.put_attribute("log_client_address", address);
    cleanup.put_attribute("log_client_port", from != nullptr ? from->port : client.port);
    cleanup.put_attribute("log_message_origin",
                          from != nullptr ? format("{}[{}]", name, address) : client.label);
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
    auto line = format("{}: client={}", session.mail.queue_id, session.client.label);
    if (session.login.authenticated()) {
        line +=
            format(", sasl_method={}, sasl_username={}", session.login.method, session.login.user);
        if (session.mail.parameters.auth && *session.mail.parameters.auth != "<>") {
            line += format(", sasl_sender={}", *session.mail.parameters.auth);
        }
    }
    if (session.forwarded) {
        if (!session.forwarded->ident.empty()) {
            line += format(", orig_queue_id={}", session.forwarded->ident);
        }
        line += format(", orig_client={}[{}]", session.forwarded->name, session.forwarded->address);
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

Task<std::string> open_mail(Session& session) {
    auto& mail = session.mail;
    if (session.stand_alone()) {
        co_return co_await open_stand_alone(session);
    }
    auto opened = co_await CleanupClient::open("public/" + conf().cleanup_service_name(),
                                               cleanup_flags(), conf().ipc_timeout());
    if (!opened) {
        log_warning("{}", opened.error().message);
        co_return format("451 4.3.0 Error: queue file write error");
    }
    mail.cleanup = std::move(*opened);
    mail.queue_id = mail.cleanup->queue_id();
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
    if (notify != kNotifyNone) {
        mail.cleanup->put_attribute("notify_flags", std::to_string(notify));
    }
    mail.cleanup->put_attribute("dsn_orig_rcpt", original);
    mail.cleanup->put(Rec::kRecipient, recipient);
}

void begin_content(Session& session) {
    auto& mail = session.mail;
    mail.cleanup->put(Rec::kContent, "");
    for (const auto& header : mail.actions.prepend) {
        mail.cleanup->put(Rec::kLine, header);
    }
    for (const auto& line : received_header(session)) {
        mail.cleanup->put(Rec::kLine, line);
    }
}

Task<CleanupReply> end_mail(Session& session) {
    auto& cleanup = *session.mail.cleanup;
    const auto& actions = session.mail.actions;
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

}  // namespace relais::smtpd
