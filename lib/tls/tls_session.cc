#include "lib/tls/tls_session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509_vfy.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/certificate.h"
#include "lib/tls/context_state.h"
#include "lib/tls/handshake_info.h"
#include "lib/tls/tls_names.h"
#include "lib/tls/tls_protocols.h"
#include "lib/tls/tls_transport.h"

namespace relais {

namespace {

// Small records sent one after the other must not wait for acknowledgements of earlier ones.
void send_without_delay(int fd) {
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Puts the transport under the stream and shakes hands.  The text of what went wrong, or nothing.
Task<std::string> shake_hands(Stream* stream, std::unique_ptr<TlsTransport> owned,
                              std::chrono::milliseconds timeout) {
    TlsTransport* transport = owned.get();
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

// Why a server that must be verified is not, in Postfix's words.
void log_verify_error(X509* certificate, long error, const std::string& peer) {
    switch (error) {
        case X509_V_ERR_CERT_UNTRUSTED:
            log_info("certificate verification failed for {}: not trusted by local or TLSA policy",
                     peer);
            return;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            log_info("certificate verification failed for {}: self-signed certificate", peer);
            return;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            log_info("certificate verification failed for {}: untrusted issuer {}", peer,
                     issuer_line(certificate));
            return;
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
            log_info("server certificate verification failed for {}: certificate not yet valid",
                     peer);
            return;
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
            log_info("server certificate verification failed for {}: certificate has expired",
                     peer);
            return;
        default:
            log_info("server certificate verification failed for {}: num={}:{}", peer, error,
                     X509_verify_cert_error_string(error));
            return;
    }
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
        return fail_with(protocols);
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
        return fail(Errc::kSyntax, "no usable cipher in \"" + *ciphers + "\": " + take_tls_error());
    }
    if (!options.server_name.empty() &&
        SSL_set_tlsext_host_name(ssl, options.server_name.c_str()) != 1) {
        return fail(Errc::kSyntax, "cannot send the TLS server name " + options.server_name);
    }
    return {};
}

bool has_fingerprint(const std::vector<std::string>& wanted, const TlsInfo& info) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
        return iequals(one, info.certificate_fingerprint) || iequals(one, info.key_fingerprint);
    });
}

bool has_wanted_name(X509* certificate, const TlsContext::State& state,
                     const TlsConnectOptions& options) {
    WildcardLabels labels =
        state.many_wildcard_labels ? WildcardLabels::kMany : WildcardLabels::kOne;
    return tls_any_name_matches(certificate_names(certificate), options.match, labels);
}

// At the levels that verify, a certificate is either the right one or not trusted at all.
void judge_server(SSL* ssl, const TlsContext::State& state, const TlsConnectOptions& options,
                  TlsInfo& info) {
    X509* certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == nullptr || options.level < TlsLevel::kFingerprint) {
        return;
    }
    long error = SSL_get_verify_result(ssl);
    if (options.level == TlsLevel::kFingerprint) {
        error = has_fingerprint(options.match, info) ? X509_V_OK : X509_V_ERR_DANE_NO_MATCH;
    } else if (error == X509_V_OK && !has_wanted_name(certificate, state, options)) {
        error = X509_V_ERR_HOSTNAME_MISMATCH;
    }
    info.trust = error == X509_V_OK ? TlsTrust::kVerified : TlsTrust::kUntrusted;
    if (error != X509_V_OK) {
        info.verify_error = X509_verify_cert_error_string(error);
        if (state.options.loglevel >= TlsLogLevel::kRoutine) {
            log_verify_error(certificate, error, options.peer);
        }
    }
}

}  // namespace

Task<Result<TlsInfo>> tls_accept(Stream* stream, TlsContext* context, TlsAcceptOptions options) {
    TlsContext::State& state = context->state();
    if (state.options.loglevel >= TlsLogLevel::kVerbose) {
        log_info("setting up TLS connection from {}", options.peer);
    }
    auto transport = std::make_unique<TlsTransport>(state.ctx.get(), stream->fd());
    SSL* ssl = transport->ssl();
    SSL_set_accept_state(ssl);
    std::string failure = co_await shake_hands(stream, std::move(transport), options.timeout);
    if (!failure.empty()) {
        co_return std::unexpected(handshake_error("SSL_accept", options.peer, failure));
    }
    TlsInfo info = describe_handshake(ssl, state);
    if (state.options.loglevel >= TlsLogLevel::kRoutine) {
        if (state.client_certificate_required && info.trust == TlsTrust::kUntrusted) {
            log_verify_error(SSL_get0_peer_certificate(ssl), SSL_get_verify_result(ssl),
                             options.peer);
        }
        log_connection(info, "from", options.peer);
    }
    co_return info;
}

Task<Result<TlsInfo>> tls_connect(Stream* stream, TlsContext* context, TlsConnectOptions options) {
    TlsContext::State& state = context->state();
    if (state.options.loglevel >= TlsLogLevel::kVerbose) {
        log_info("setting up TLS connection to {}", options.peer);
    }
    auto transport = std::make_unique<TlsTransport>(state.ctx.get(), stream->fd());
    SSL* ssl = transport->ssl();
    SSL_set_connect_state(ssl);
    if (auto applied = apply_policy(ssl, state.options.cipher_lists, options); !applied) {
        log_warning("{}: {}", options.peer, applied.error().message);
        co_return fail_with(applied);
    }
    if (!options.session_key.empty()) {
        transport->set_session_key(options.session_key);
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
    judge_server(ssl, state, options, info);
    if (state.options.loglevel >= TlsLogLevel::kRoutine) {
        log_connection(info, "to", options.peer);
    }
    co_return info;
}

}  // namespace relais
