#include "smtp/handshake.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/tls_names.h"
#include "lib/tls/tls_session.h"

#include "smtp/login.h"
#include "smtp/proxied_tls.h"
#include "smtp/trouble.h"

namespace relais::smtp_client {

namespace {

using Outcome = std::optional<DeliveryStatus>;

Outcome refused_to_talk(Session& session, const smtp::Reply& reply) {
    session.judge(reply);
    return server_trouble(
        session.host(), reply,
        format("host {} refused to talk to me: {}", session.name(), reply.one_line()));
}

// The words of the greeting tell whether the server wants EHLO.
void note_greeting(Session& session, const Settings& settings, const smtp::Reply& greeting,
                   bool loop_detection) {
    std::vector<std::string_view> words = split_words(
        std::string_view(greeting.text).substr(std::min<std::size_t>(4, greeting.text.size())));
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i == 0 && iequals(words[0], settings.my_hostname) && loop_detection) {
            log_warning("host {} greeted me with my own hostname {}", session.name_with_port(),
                        settings.my_hostname);
        } else if (iequals(words[i], "ESMTP")) {
            session.esmtp = true;
        }
    }
    if (settings.always_send_ehlo) {
        session.esmtp = true;
    }
    if (settings.never_send_ehlo) {
        session.esmtp = false;
    }
}

// A firewall that has made asterisks of the server's words.
Task<void> work_around_pix(Client* client, Session* session, const HandshakeOptions* options) {
    const PixWorkarounds wanted =
        co_await find_pix_workarounds(&client->pix, session, options->queue_id, options->arrival);
    if (wanted.disable_esmtp) {
        session->esmtp = false;
    }
    if (wanted.delay_dotcrlf) {
        session->pause_before_end = client->pix.delay_time;
    }
}

Task<Outcome> receive_greeting(Client* client, Session* session, const HandshakeOptions* options) {
    session->set_doing("receiving the initial server greeting");
    smtp::Reply greeting = co_await session->reply(client->settings.helo_timeout);
    if (greeting.klass() != 2) {
        if (greeting.klass() == 5 && client->settings.skip_5xx_greeting) {
            greeting.dsn[0] = '4';
        }
        co_return refused_to_talk(*session, greeting);
    }
    note_greeting(*session, client->settings, greeting, options->loop_detection);
    if (is_pix_greeting(greeting.text)) {
        co_await work_around_pix(client, session, options);
    }
    co_return std::nullopt;
}

Task<Outcome> discard_keywords(Client* client, Session* session, const std::string* queue_id) {
    const DiscardedKeywords* discarded = &client->settings.discarded_keywords;
    DiscardedKeywords of_address;
    if (!client->discard_maps.empty()) {
        Lookup answer = co_await client->discard_maps.lookup(session->address());
        if (answer.is_error()) {
            log_warning("{}: {} map lookup error for {}", *queue_id, client->discard_maps.title(),
                        session->address());
            co_return local_data_error(session->name());
        }
        if (answer.is_found()) {
            of_address = parse_discarded_keywords(answer.value());
            discarded = &of_address;
        }
    }
    for (const std::string& keyword : discarded->keywords) {
        if (session->capabilities.has(keyword) && !discarded->silent) {
            log_info("discarding EHLO keywords: {}", keyword);
        }
        session->capabilities.discard(keyword);
    }
    co_return std::nullopt;
}

// RFC 6531 3.1: a server of SMTPUTF8 is one of 8BITMIME.
void complete_keywords(Session& session) {
    if (session.capabilities.has("SMTPUTF8") && !session.capabilities.has("8BITMIME")) {
        log_info("host {} offers SMTPUTF8 support, but not 8BITMIME", session.name());
        session.capabilities.add("8BITMIME");
    }
}

bool greets_itself(const Session& session, const Settings& settings) {
    return iequals(session.capabilities.host(), settings.my_hostname);
}

// EHLO, or HELO where that does not work.  RFC 5321 4.1.1.1
Task<Outcome> say_hello(Client* client, Session* session, const HandshakeOptions* options) {
    const Settings& settings = client->settings;
    bool lmtp = settings.protocol == Protocol::kLmtp;
    smtp::Reply reply;
    session->capabilities = {};
    if (session->esmtp) {
        session->set_doing(lmtp ? "performing the LHLO handshake"
                                : "performing the EHLO handshake");
        std::string line = (lmtp ? "LHLO " : "EHLO ") + settings.helo_name;
        reply = co_await session->command(line, settings.helo_timeout);
        if (reply.klass() != 2) {
            if (reply.code == 421 || lmtp) {
                co_return refused_to_talk(*session, reply);
            }
            session->esmtp = false;
        }
    }
    if (!session->esmtp) {
        session->set_doing("performing the HELO handshake");
        reply = co_await session->command("HELO " + settings.helo_name, settings.helo_timeout);
        if (reply.klass() != 2) {
            co_return refused_to_talk(*session, reply);
        }
    }
    session->capabilities = smtp::Capabilities::parse(reply.text);
    const auto size = session->capabilities.arguments("SIZE").value_or("");
    if (!size.empty() && !parse_uint(size)) {
        log_warning("bad EHLO SIZE limit \"{}\" from {}", size, session->name_with_port());
    }
    if (options->loop_detection && greets_itself(*session, settings)) {
        log_warning("host {} replied to HELO/EHLO with my own hostname {}",
                    session->name_with_port(), settings.my_hostname);
        co_return local_trouble(session->best_mx ? "5.4.6" : "4.4.6",
                                format("mail for {} loops back to myself", options->nexthop));
    }
    if (session->esmtp) {
        auto trouble = co_await discard_keywords(client, session, &options->queue_id);
        complete_keywords(*session);
        if (!trouble) {
            trouble = co_await note_mechanisms(client, session);
        }
        co_return trouble;
    }
    co_return std::nullopt;
}

std::vector<std::string> wanted_matches(const TlsPolicy& policy, const std::string& hostname,
                                        const std::string& nexthop) {
    if (!policy.dane_names.empty()) {
        return policy.dane_names;
    }
    if (policy.level == TlsLevel::kFingerprint) {
        std::vector<std::string> fingerprints;
        for (std::string_view word : split_words(policy.match, " \t\r\n,|")) {
            fingerprints.emplace_back(word);
        }
        return fingerprints;
    }
    return tls_match_patterns(policy.match, hostname, nexthop);
}

// The domain part of "[host]:port".
std::string bare_nexthop(std::string_view nexthop) {
    if (nexthop.starts_with('[')) {
        return std::string(nexthop.substr(1, nexthop.find(']') - 1));
    }
    return std::string(nexthop.substr(0, nexthop.find(':')));
}

// What a session was verified by, in few bytes.
std::size_t records_key(const TlsPolicy& policy) {
    std::string all;
    for (const auto& record : policy.tlsa) {
        all += tlsa_text(record) + ",";
    }
    for (const auto& name : policy.dane_names) {
        all += name + ",";
    }
    return std::hash<std::string>()(all);
}

TlsConnectOptions connect_options(const Client& client, const Session& session,
                                  const HandshakeOptions& options) {
    const TlsPolicy& policy = options.tls;
    std::string nexthop = bare_nexthop(options.nexthop);
    TlsConnectOptions tls;
    tls.peer = session.name_with_port();
    tls.level = policy.level;
    tls.match = wanted_matches(policy, session.host(), nexthop);
    tls.protocols = policy.protocols;
    tls.cipher_grade = policy.cipher_grade;
    tls.exclude_ciphers = policy.exclude_ciphers;
    tls.timeout = client.settings.starttls_timeout;
    tls.tlsa = policy.tlsa;
    tls.raw_key = policy.raw_keys;
    tls.nobody = !policy.published.failure.empty();
    if (!policy.dane_names.empty()) {
        tls.server_name = policy.dane_names.front();  // RFC 7672 8.1
    } else if (iequals(policy.server_name, "hostname")) {
        tls.server_name = session.host();
    } else if (iequals(policy.server_name, "nexthop")) {
        tls.server_name = nexthop;
    } else {
        tls.server_name = policy.server_name;
    }
    // A session may be resumed only where the same would be negotiated anew.
    tls.session_key =
        format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", session.name_with_port(), client.settings.helo_name,
               tls.server_name, tls_level_name(policy.level), policy.protocols, policy.cipher_grade,
               policy.exclude_ciphers, policy.match, nexthop, records_key(policy));
    return tls;
}

// Why the server will not do for this message.
Outcome find_obstacle(Session* session, const HandshakeOptions& options) {
    auto obstacle = require_tls_obstacle(options.require_tls, *session);
    session->unsuitable = obstacle.has_value();
    return obstacle;
}

TlsFailure failure_of(const TlsInfo& info, const TlsPolicy& policy) {
    auto result = TlsResult::kValidationFailure;
    switch (info.problem) {
        case TlsProblem::kName:
            result = TlsResult::kHostMismatch;
            break;
        case TlsProblem::kExpired:
            result = TlsResult::kExpired;
            break;
        case TlsProblem::kUntrusted:
            result = TlsResult::kNotTrusted;
            break;
        case TlsProblem::kRecords:
            result = TlsResult::kTlsaInvalid;
            break;
        case TlsProblem::kNone:
        case TlsProblem::kOther:
            break;
    }
    return {forced_result(policy.published, result), info.verify_error};
}

// The handshake, here or in tlsproxy; session->tls is what came of it.  A text: it has failed.
Task<std::optional<std::string>> secure(Client* client, Session* session,
                                        const HandshakeOptions* options) {
    TlsConnectOptions tls = connect_options(*client, *session, *options);
    if (wants_proxied_tls(options->tls)) {
        const ProxiedTls done =
            co_await start_proxied_tls(&client->settings, session, tls, options->nexthop);
        if (done != ProxiedTls::kAbsent) {
            co_return done == ProxiedTls::kDone ? std::optional<std::string>()
                                                : "handshake in tlsproxy failed";
        }
    }
    auto info = co_await tls_connect(&session->stream(), client->tls.get(), std::move(tls));
    if (!info) {
        co_return info.error().message;
    }
    session->tls = std::move(*info);
    co_return std::nullopt;
}

Task<Outcome> start_tls(Client* client, Session* session, const HandshakeOptions* options) {
    session->set_doing("performing the TLS handshake");
    const auto failure = co_await secure(client, session, options);
    if (failure) {
        session->tls_failure = TlsFailure{TlsResult::kValidationFailure, *failure};
        session->broken = true;
        session->tls_failed = options->tls.level == TlsLevel::kMay;
        co_return local_trouble("4.7.5", "Cannot start TLS: handshake failure");
    }
    if (!session->tls->satisfied) {
        session->tls_failure = failure_of(*session->tls, options->tls);
        if (auto obstacle = find_obstacle(session, *options)) {
            co_return obstacle;
        }
        co_return local_trouble("4.7.5", "Server certificate not verified");
    }
    co_return std::nullopt;
}

Task<Outcome> negotiate_tls(Client* client, Session* session, const HandshakeOptions* options) {
    const TlsPolicy& policy = options->tls;
    bool must = policy.level >= TlsLevel::kEncrypt || demands_tls(options->require_tls);
    if (!session->capabilities.has("STARTTLS")) {
        session->tls_failure = TlsFailure{TlsResult::kStartTlsNotSupported, ""};
        if (auto obstacle = find_obstacle(session, *options)) {
            co_return obstacle;
        }
        if (must) {
            co_return local_trouble(
                "4.7.4",
                format("TLS is required, but was not offered by host {}", session->name()));
        }
        co_return std::nullopt;
    }
    if (client->tls_policies.note_offers() && policy.level == TlsLevel::kNone) {
        log_info("Host offered STARTTLS: [{}]", session->host());
    }
    if (policy.level == TlsLevel::kNone) {
        co_return std::nullopt;
    }
    if (!client->tls) {
        if (must) {
            co_return local_trouble("4.7.5", "TLS is required, but our TLS engine is unavailable");
        }
        co_return std::nullopt;
    }
    session->set_doing("receiving the STARTTLS response");
    smtp::Reply reply = co_await session->command("STARTTLS", client->settings.starttls_timeout);
    if (reply.klass() != 2) {
        session->tls_failure = TlsFailure{TlsResult::kStartTlsNotSupported, reply.one_line()};
        if (must) {
            session->judge(reply);
            co_return server_trouble(session->host(), reply,
                                     format("TLS is required, but host {} refused to start TLS: {}",
                                            session->name(), reply.one_line()));
        }
        co_return std::nullopt;
    }
    Outcome failed = co_await start_tls(client, session, options);
    if (failed) {
        co_return failed;
    }
    // RFC 3207 4.2: what the server said before counts no longer.
    co_return co_await say_hello(client, session, options);
}

// Whoever can put commands of his own before ours (CVE-2009-3555) gets replies that we do not
// wait for.
Outcome look_for_early_reply(const Client& client, Session& session) {
    if (!client.tls_policies.blocks_early_replies() || session.stream().buffered().empty()) {
        return std::nullopt;
    }
    log_warning("server {} violates {}_tls_block_early_mail_reply policy", session.name(),
                client.settings.prefix);
    session.broken = true;
    return local_trouble("4.7.0", "unexpected server message");
}

}  // namespace

Task<Outcome> shake_hands(Client* client, Session* session, HandshakeOptions options) {
    session->tls_policy = options.tls;
    const bool wrapped = client->tls_policies.wrapper_mode();
    if (wrapped) {
        if (!client->tls) {
            co_return local_trouble("4.7.5", "TLS is required, but our TLS engine is unavailable");
        }
        Outcome failed = co_await start_tls(client, session, &options);
        if (failed) {
            co_return failed;
        }
    }
    Outcome failed = co_await receive_greeting(client, session, &options);
    if (!failed) {
        failed = co_await say_hello(client, session, &options);
    }
    if (!failed && !wrapped) {
        failed = co_await negotiate_tls(client, session, &options);
    }
    if (!failed) {
        failed = find_obstacle(session, options);
    }
    if (!failed && session->tls) {
        failed = look_for_early_reply(*client, *session);
    }
    if (!failed) {
        LoginPurpose purpose;
        purpose.queue_id = options.queue_id;
        purpose.sender = options.sender;
        purpose.host = session->host();
        purpose.nexthop = options.nexthop;
        failed = co_await log_in(client, session, std::move(purpose));
    }
    session->usable_until = Deadline::after(client->settings.reuse_time_limit);
    co_return failed;
}

}  // namespace relais::smtp_client
