#include "lib/tls/tls_session.h"

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/channel_binding.h"
#include "lib/tls/context_state.h"
#include "lib/tls/handshake_info.h"
#include "lib/tls/raw_keys.h"
#include "lib/tls/server_verdict.h"
#include "lib/tls/session_cache.h"
#include "lib/tls/tls_log.h"
#include "lib/tls/tls_protocols.h"
#include "lib/tls/tls_transport.h"

namespace relais {

namespace {

// Small records sent one after the other must not wait for acknowledgements of earlier ones.
void send_without_delay(int fd) {
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// A client's last words of a handshake, where they need no answer, are acknowledged at once.  One
// that has Nagle's algorithm on holds its next command back until then: 40 ms, for each resumed
// session.
void acknowledge_at_once(int fd) {
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

// Puts the transport under the stream and shakes hands.  The text of what went wrong, or nothing.
Task<std::string> shake_hands(Stream* stream, std::unique_ptr<TlsTransport> owned,
                              std::chrono::milliseconds timeout,
                              const TlsAcceptOptions* accepting = nullptr) {
    TlsTransport* transport = owned.get();
    SessionNotes& notes = transport->notes();
    co_await stream->flush();
    stream->set_transport(std::move(owned));
    send_without_delay(stream->fd());
    Deadline before = stream->deadline();
    stream->set_deadline(earlier(before, Deadline::after(timeout)));
    std::string failure;
    try {
        for (;;) {
            IoOutcome outcome = transport->handshake();
            if (outcome.status == IoStatus::kDone) {
                break;
            }
            if (outcome.status == IoStatus::kFailed) {
                failure = transport->failure();
                break;
            }
            if (notes.chain_state == SessionNotes::Chain::kAsked) {
                notes.chain = co_await accepting->chain_for(notes.server_name);
                notes.chain_state = SessionNotes::Chain::kAnswered;
                continue;
            }
            if (notes.stored_state == SessionNotes::Stored::kAsked) {
                const auto stored = co_await notes.store->find(notes.wanted_session);
                use_stored_session(transport->ssl(), notes, stored);
                notes.stored_state = SessionNotes::Stored::kSettled;
                continue;
            }
            co_await stream->wait_for(outcome.status);
        }
    } catch (const TimedOut&) {
        failure = std::strerror(ETIMEDOUT);
    } catch (const IoError& error) {
        failure = error.what();
    }
    stream->set_deadline(before);
    co_return failure;
}

// A resumed session is as established as any other.
void log_connection(const TlsInfo& info, std::string_view direction, const std::string& peer) {
    log_info("{} TLS connection established {} {}: {}", tls_trust_word(info.trust), direction, peer,
             tls_description(info));
}

Error handshake_error(std::string_view function, const std::string& peer,
                      const std::string& failure) {
    Error error{Errc::kTemporary, format("{} error", function), 0};
    log_info("{} error {} {}: {}", function, function == "SSL_accept" ? "from" : "to", peer,
             failure);
    log_tls_errors();
    return error;
}

Result<void> apply_policy(SSL* ssl, const TlsCipherLists& lists, const TlsConnectOptions& options) {
    auto protocols = parse_tls_protocols(options.protocols);
    if (!protocols) {
        return fail(Errc::kSyntax, format("Invalid TLS protocol list \"{}\": aborting TLS session",
                                          options.protocols));
    }
    if (SSL_set_min_proto_version(ssl, protocols->lowest) != 1 ||
        SSL_set_max_proto_version(ssl, protocols->highest) != 1) {
        ERR_clear_error();
        return fail(Errc::kSyntax, "TLS protocol bounds out of range: " + options.protocols);
    }
    SSL_set_options(ssl, tls_exclusion_options(*protocols));
    std::string exclusions = options.exclude_ciphers;
    if (options.level >= TlsLevel::kFingerprint) {
        exclusions += " aNULL";  // without a certificate there is nothing to verify
    }
    auto ciphers = tls_cipher_list(lists, options.cipher_grade, exclusions);
    if (!ciphers) {
        return fail_with(ciphers);
    }
    if (SSL_set_cipher_list(ssl, ciphers->c_str()) != 1) {
        log_tls_errors();
        return fail(Errc::kSyntax,
                    format("error setting cipher grade: \"{}\"", options.cipher_grade));
    }
    if (!options.server_name.empty() &&
        SSL_set_tlsext_host_name(ssl, options.server_name.c_str()) != 1) {
        return fail(Errc::kSyntax, "cannot send the TLS server name " + options.server_name);
    }
    return {};
}

std::unique_ptr<TlsTransport> make_transport(const TlsContext::State& state, const Stream& stream,
                                             const std::string& peer) {
    auto transport = std::make_unique<TlsTransport>(state.ctx.get(), stream.fd());
    transport->notes().peer = peer;
    transport->dump(state.logs(TlsLogLevel::kDumpAll) ? TlsTransport::Dump::kAll
                    : state.logs(TlsLogLevel::kDump)  ? TlsTransport::Dump::kHandshake
                                                      : TlsTransport::Dump::kNone);
    return transport;
}

// The server's: logged when they can't be used.
Result<void> set_ciphers(SSL* ssl, const Result<std::string>& list, const std::string& grade,
                         const std::string& peer) {
    if (!list) {
        log_warning("{}: {}", peer, list.error().message);
        return fail_with(list);
    }
    if (SSL_set_cipher_list(ssl, list->c_str()) != 1) {
        log_warning("{}: error setting cipher grade: \"{}\"", peer, grade);
        log_tls_errors();
        return fail(Errc::kTemporary, "no usable cipher");
    }
    if (state_of(ssl).logs(TlsLogLevel::kVerbose)) {
        log_info("{}: TLS cipher list \"{}\"", peer, *list);
    }
    return {};
}

void tell_peer_certificate(SSL* ssl, const TlsContext::State& state, const TlsInfo& info,
                           const std::string& peer) {
    X509* certificate = SSL_get0_peer_certificate(ssl);
    if (certificate != nullptr && state.logs(TlsLogLevel::kVerbose)) {
        log_peer_certificate(certificate, info, peer);
    }
}

}  // namespace

Task<Result<TlsInfo>> tls_accept(Stream* stream, TlsContext* context, TlsAcceptOptions options) {
    TlsContext::State& state = context->state();
    if (state.options.loglevel >= TlsLogLevel::kVerbose) {
        log_info("setting up TLS connection from {}", options.peer);
    }
    auto transport = make_transport(state, *stream, options.peer);
    SSL* ssl = transport->ssl();
    SSL_set_accept_state(ssl);
    if (auto set = set_ciphers(ssl, state.cipher_list, state.server.cipher_grade, options.peer);
        !set) {
        co_return fail_with(set);
    }
    if (options.chain_for) {
        transport->notes().chain_state = SessionNotes::Chain::kWanted;
    }
    SessionNotes& notes = transport->notes();
    if (options.sessions != nullptr && options.sessions->is_open()) {
        notes.store = options.sessions;
        notes.service = options.session_service;
        notes.stored_state = SessionNotes::Stored::kWanted;
    }
    std::string failure =
        co_await shake_hands(stream, std::move(transport), options.timeout, &options);
    if (failure.empty()) {
        acknowledge_at_once(stream->fd());
    }
    co_await settle_sessions(&notes, failure.empty());
    notes.store = nullptr;  // it need not outlive the handshake
    if (!failure.empty() && !options.service.empty()) {
        log_tls_errors();
        log_info("TLS handshake failed for service={} peer={}", options.service, options.peer);
        co_return fail(Errc::kTemporary, "TLS handshake failed");
    }
    if (!failure.empty()) {
        co_return std::unexpected(handshake_error("SSL_accept", options.peer, failure));
    }
    TlsInfo info = describe_handshake(ssl, state);
    if (options.binds_channel) {
        info.exporter_binding = exporter_binding(ssl);
        info.server_end_point = server_end_point_binding(ssl);
    }
    if (info.reused && state.logs(TlsLogLevel::kVerbose)) {
        log_info("{}: Reusing old session{}", options.peer,
                 notes.reloaded ? "" : " (RFC 5077 session ticket)");
    }
    tell_peer_certificate(ssl, state, info, options.peer);
    if (state.logs(TlsLogLevel::kRoutine)) {
        if (state.client_certificate_required && info.trust == TlsTrust::kUntrusted) {
            log_verify_error(verify_error_of(ssl), options.peer);
        }
        std::string to = info.sni.empty() ? "" : " to " + info.sni;
        log_connection(info, "from", options.peer + to);
    }
    co_return info;
}

Task<void> tls_end(Stream* stream, std::chrono::milliseconds patience) {
    constexpr std::size_t kMostIgnored = 65536;
    auto* transport = dynamic_cast<TlsTransport*>(&stream->transport());
    if (transport == nullptr || !transport->say_goodbye()) {
        co_return;
    }
    stream->set_deadline(Deadline::after(patience));
    try {
        std::size_t ignored = 0;
        bool more = true;
        while (more && ignored < kMostIgnored) {
            ignored += stream->buffered().size();
            stream->consume(stream->buffered().size());
            more = co_await stream->fill();
        }
    } catch (const IoError&) {
        // The peer has gone, which is an end as well.
    } catch (const TimedOut&) {
    }
}

Task<Result<TlsInfo>> tls_connect(Stream* stream, TlsContext* context, TlsConnectOptions options) {
    TlsContext::State& state = context->state();
    if (state.options.loglevel >= TlsLogLevel::kVerbose) {
        log_info("setting up TLS connection to {}", options.peer);
    }
    auto transport = make_transport(state, *stream, options.peer);
    SSL* ssl = transport->ssl();
    SSL_set_connect_state(ssl);
    if (auto applied = apply_policy(ssl, state.options.cipher_lists, options); !applied) {
        log_warning("{}: {}", options.peer, applied.error().message);
        co_return fail_with(applied);
    }
    if (!options.server_name.empty() && state.logs(TlsLogLevel::kVerbose)) {
        log_info("{}: SNI hostname: {}", options.peer, options.server_name);
    }
    const WantedServer wanted = prepare_verification(ssl, options);
    if (options.raw_key && options.level <= TlsLevel::kFingerprint) {
        ask_for_raw_key(ssl);
    }
    if (!options.session_key.empty()) {
        transport->notes().session_key = options.session_key;
        if (SessionPtr session = state.sessions.get(options.session_key)) {
            SSL_set_session(ssl, session.get());
        }
    }
    std::string failure = co_await shake_hands(stream, std::move(transport), options.timeout);
    if (!failure.empty()) {
        state.sessions.drop(options.session_key);
        co_return std::unexpected(handshake_error("SSL_connect", options.peer, failure));
    }
    TlsInfo info = describe_handshake(ssl, state);
    judge_server(ssl, options, wanted, info);
    if (state.logs(TlsLogLevel::kVerbose) && info.has_certificate()) {
        log_server_certificate(info, options.peer);
        if (info.dane && info.satisfied) {
            log_dane_match(ssl, options.peer);
        }
    }
    if (state.options.loglevel >= TlsLogLevel::kRoutine && options.tells_result) {
        log_connection(info, "to", options.peer);
    }
    co_return info;
}

}  // namespace relais
