// The server's side of a TlsContext, and how it takes renewed certificates.
#include <cerrno>
#include <cstring>

#include <openssl/decoder.h>
#include <openssl/pem.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/client_hello.h"
#include "lib/tls/context_state.h"
#include "lib/tls/raw_keys.h"
#include "lib/tls/server_name.h"
#include "lib/tls/session_cache.h"
#include "lib/tls/tls_log.h"

namespace relais {

namespace {

// As in Postfix, with its NUL: its processes resume sessions of ours, and the reverse.
constexpr std::string_view kSessionContext("Postfix/TLS", 12);

Result<void> check_protocols(TlsContext::State& state) {
    auto protocols = parse_tls_protocols(state.server.protocols);
    if (!protocols) {
        log_warning("Invalid TLS protocol list \"{}\": disabling TLS support",
                    state.server.protocols);
        return fail_with(protocols);
    }
    state.protocols = *protocols;
    return {};
}

Result<void> set_protocols(SSL_CTX* ctx, const TlsContext::State& state) {
    if (SSL_CTX_set_min_proto_version(ctx, state.protocols.lowest) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, state.protocols.highest) != 1) {
        ERR_clear_error();
        return fail(Errc::kSyntax, "TLS protocol bounds out of range: " + state.server.protocols);
    }
    SSL_CTX_set_options(ctx, tls_exclusion_options(state.protocols));
    return {};
}

// Parameters for ciphers that use Diffie-Hellman, from a file of the site's.
KeyPtr read_dh_parameters(const std::string& file) {
    if (file.empty() || iequals(file, "auto")) {
        return nullptr;
    }
    BioPtr in(BIO_new_file(file.c_str(), "r"));
    if (!in) {
        log_warning("error opening DH parameter file \"{}\": {} -- using compiled-in defaults",
                    file, std::strerror(errno));
        ERR_clear_error();
        return nullptr;
    }
    KeyPtr parameters(PEM_read_bio_Parameters(in.get(), nullptr));
    if (!parameters || EVP_PKEY_get_base_id(parameters.get()) != EVP_PKEY_DH) {
        log_warning("error decoding DH parameters from file \"{}\" -- using compiled-in defaults",
                    file);
        log_tls_errors();
        return nullptr;
    }
    return parameters;
}

void set_dh_parameters(SSL_CTX* ctx, const TlsContext::State& state) {
    if (!state.dh_parameters) {
        SSL_CTX_set_dh_auto(ctx, 1);
        return;
    }
    EVP_PKEY_up_ref(state.dh_parameters.get());
    if (SSL_CTX_set0_tmp_dh_pkey(ctx, state.dh_parameters.get()) != 1) {
        EVP_PKEY_free(state.dh_parameters.get());
        log_tls_errors();
    }
}

// What is wrong with the ciphers is told in each session, as other TLS users of the process may
// have their own.
void set_ciphers(TlsContext::State& state) {
    std::string exclusions = state.server.exclude_ciphers;
    if (state.server.client_certificate != TlsServerOptions::ClientCertificate::kNotAsked) {
        exclusions += " aNULL";
    }
    state.cipher_list =
        tls_cipher_list(state.options.cipher_lists, state.server.cipher_grade, exclusions);
}

bool keeps_sessions(const TlsContext::State& state) {
    return state.server.keeps_sessions && state.options.session_timeout.count() > 0;
}

void set_resumption(TlsContext::State& state, SSL_CTX* ctx) {
    // Sessions are kept elsewhere, or nowhere: a client that is given an id notices nothing.
    const bool issues_ids = state.server.always_issue_session_ids || keeps_sessions(state);
    SSL_CTX_set_session_cache_mode(
        ctx, issues_ids ? SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
    if (keeps_sessions(state)) {
        serve_session_ids(ctx);
    }
    SSL_CTX_set_session_id_context(ctx,
                                   reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                   kSessionContext.size());
    if (state.options.session_timeout.count() > 0) {
        SSL_CTX_set_timeout(ctx, state.options.session_timeout.count());
    }
    serve_tickets(state, ctx);
}

void set_client_certificates(TlsContext::State& state, SSL_CTX* ctx, SSL_CTX* model) {
    using Wanted = TlsServerOptions::ClientCertificate;
    if (state.server.client_certificate == Wanted::kNotAsked) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
        return;
    }
    if (!state.server.raw_keys_parameter.empty()) {
        accept_raw_keys(ctx, state.server.raw_keys_parameter);
    }
    // A missing certificate is judged after the handshake, where there is a name for the log.
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, accept_certificate);
    if (model != nullptr) {
        SSL_CTX_set_client_CA_list(ctx, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(model)));
    } else if (!state.options.ca_file.empty()) {
        SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(state.options.ca_file.c_str()));
    }
    ERR_clear_error();
}

// `model`: the context that this one takes the place of.
Result<SslCtxPtr> make_server_context(TlsContext::State& state, SSL_CTX* model) {
    auto made = make_ssl_context(state, TLS_server_method(), model);
    if (!made) {
        return fail_with(made);
    }
    SSL_CTX* ctx = made->get();
    if (auto set = set_protocols(ctx, state); !set) {
        return fail_with(set);
    }
    set_dh_parameters(ctx, state);
    offer_raw_keys(ctx);
    if (state.server.preempt_cipherlist) {
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    if (state.cipher_list) {
        SSL_CTX_set_cipher_list(ctx, state.cipher_list->c_str());
        ERR_clear_error();
    }
    set_resumption(state, ctx);
    set_client_certificates(state, ctx, model);
    if (state.server.chains_by_name) {
        acknowledge_server_names(ctx);
    }
    if (state.server.chains_by_name || keeps_sessions(state)) {
        stop_at_client_hello(ctx);
    }
    return made;
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
    if (options.loglevel >= TlsLogLevel::kVerbose) {
        log_info("initializing the server-side TLS engine");
    }
    auto state = make_state(options);
    if (!state) {
        return fail_with(state);
    }
    State& made = **state;
    made.server = options;
    made.client_certificate_required =
        options.client_certificate == TlsServerOptions::ClientCertificate::kRequired;
    if (auto checked = check_protocols(made); !checked) {
        return fail_with(checked);
    }
    made.dh_parameters = read_dh_parameters(options.dh_file);
    made.ticket_cipher = find_ticket_cipher(options.ticket_cipher);
    set_ciphers(made);
    auto ctx = make_server_context(made, nullptr);
    if (!ctx) {
        return fail_with(ctx);
    }
    made.ctx = std::move(*ctx);
    return std::unique_ptr<TlsContext>(new TlsContext(std::move(*state)));
}

Result<void> TlsContext::renew(std::map<std::string, std::string> contents) {
    std::swap(state_->options.certificates.contents, contents);
    auto ctx = make_server_context(*state_, state_->ctx.get());
    if (!ctx) {
        std::swap(state_->options.certificates.contents, contents);
        return fail_with(ctx);
    }
    // Sessions that have begun keep the old one alive.
    state_->ctx = std::move(*ctx);
    state_->options.certificates.contents.clear();
    return {};
}

}  // namespace relais
