#include "lib/tls/tls_context.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/context_state.h"
#include "lib/tls/dane.h"
#include "lib/tls/load_certificates.h"
#include "lib/tls/session_notes.h"
#include "lib/tls/tls_log.h"
#include "lib/tls/tls_protocols.h"

namespace relais {

static int context_index();

namespace {

// Group names that this OpenSSL does not know are told and left out, as new ones come with new
// versions.  With none that it knows, its own choice stays.
std::string known_groups(SSL_CTX* ctx, std::string_view names) {
    std::string list;
    for (std::string_view name : split_words(names, " \t\r\n,:")) {
        std::string one(name);
        if (SSL_CTX_set1_groups_list(ctx, one.c_str()) == 1) {
            list += (list.empty() ? "" : ":") + one;
        } else {
            log_warning("ignoring unknown ECDHE curve \"{}\"", printable(one));
        }
    }
    ERR_clear_error();
    return list;
}

void set_groups(SSL_CTX* ctx, const TlsCommonOptions& options) {
    SslCtxPtr scratch(SSL_CTX_new(TLS_method()));
    std::string list = scratch ? known_groups(scratch.get(), options.auto_groups) : "";
    if (list.empty()) {
        return;
    }
    std::string more = known_groups(scratch.get(), options.ffdhe_groups);
    list += more.empty() ? "" : ":" + more;
    SSL_CTX_set1_groups_list(ctx, list.c_str());
    ERR_clear_error();
}

Result<void> load_authorities(SSL_CTX* ctx, const TlsCommonOptions& options) {
    if (options.ca_file.empty() && options.ca_path.empty() && !options.append_default_ca) {
        return {};
    }
    const char* file = options.ca_file.empty() ? nullptr : options.ca_file.c_str();
    const char* path = options.ca_path.empty() ? nullptr : options.ca_path.c_str();
    bool loaded =
        (file == nullptr && path == nullptr) || SSL_CTX_load_verify_locations(ctx, file, path) == 1;
    if (loaded && options.append_default_ca) {
        loaded = SSL_CTX_set_default_verify_paths(ctx) == 1;
    }
    if (!loaded) {
        log_info("cannot load Certification Authority data, {}{}{}: disabling TLS support",
                 file != nullptr ? format("CAfile=\"{}\"", options.ca_file) : "",
                 file != nullptr && path != nullptr ? ", " : "",
                 path != nullptr ? format("CApath=\"{}\"", options.ca_path) : "");
        log_tls_errors();
        return fail(Errc::kSystem, "cannot load certification authorities");
    }
    return {};
}

std::uint64_t option_bits(const TlsCommonOptions& options) {
    constexpr std::uint64_t kAlways =
        SSL_OP_ALL | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF;
    return (kAlways & ~parse_workarounds(options.disable_workarounds)) |
           parse_ssl_options(options.ssl_options);
}

}  // namespace

static int context_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

TlsContext::State& state_of(SSL* ssl) {
    return *static_cast<TlsContext::State*>(
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index()));
}

int accept_certificate(int verified, X509_STORE_CTX* store) {
    auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    if (ssl == nullptr) {
        return 1;
    }
    if (state_of(ssl).logs(TlsLogLevel::kVerbose)) {
        log_chain_certificate(store, verified);
    }
    SessionNotes& notes = notes_of(ssl);
    const int depth = X509_STORE_CTX_get_error_depth(store);
    if (verified == 0 && (notes.verify_error == X509_V_OK || depth < notes.error_depth)) {
        notes.verify_error = X509_STORE_CTX_get_error(store);
        notes.error_depth = depth;
        X509* certificate = X509_STORE_CTX_get_current_cert(store);
        if (certificate != nullptr) {
            X509_up_ref(certificate);
        }
        notes.error_certificate.reset(certificate);
    }
    return 1;
}

Result<std::unique_ptr<TlsContext::State>> make_state(const TlsCommonOptions& options) {
    if (!options.library_usable) {
        return fail(Errc::kSystem, "the OpenSSL configuration cannot be used");
    }
    auto state = std::make_unique<TlsContext::State>();
    state->options = options;
    state->fingerprint_digest = EVP_get_digestbyname(options.fingerprint_digest.c_str());
    if (state->fingerprint_digest == nullptr) {
        log_warning("Digest algorithm \"{}\" not found", options.fingerprint_digest);
        log_warning("disabling TLS support");
        return fail(Errc::kSyntax, format("fingerprint digest algorithm \"{}\" not found",
                                          options.fingerprint_digest));
    }
    return state;
}

Result<SslCtxPtr> make_ssl_context(TlsContext::State& state, const SSL_METHOD* method,
                                   SSL_CTX* model) {
    SslCtxPtr made(SSL_CTX_new(method));
    if (!made) {
        return fail(Errc::kSystem, "cannot allocate a TLS context: " + take_tls_error());
    }
    SSL_CTX* ctx = made.get();
    SSL_CTX_set_ex_data(ctx, context_index(), &state);
    // An idle session holds no buffers; a record that does not go out whole may be tried again
    // from another place.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    // The cipher grades decide, not the library's idea of a minimum: opportunistic TLS with weak
    // parameters is better than plaintext.
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_verify_depth(ctx, state.options.verify_depth + 1);
    if (state.logs(TlsLogLevel::kVerbose)) {
        log_handshake_steps(ctx);
    }
    if (model != nullptr) {
        SSL_CTX_set_options(ctx, SSL_CTX_get_options(model));
        SSL_CTX_set1_cert_store(ctx, SSL_CTX_get_cert_store(model));
    } else {
        SSL_CTX_set_options(ctx, option_bits(state.options));
        if (auto loaded = load_authorities(ctx, state.options); !loaded) {
            return fail_with(loaded);
        }
        set_groups(ctx, state.options);
    }
    if (!load_certificates(ctx, state.options.certificates)) {
        return fail(Errc::kSystem, "cannot load TLS certificates");
    }
    return made;
}

void SessionStore::put(const std::string& key, SessionPtr session) {
    drop(key);
    if (entries_.size() >= kMost) {
        drop(std::string(ages_.front()));
    }
    ages_.push_back(key);
    entries_.emplace(key, Entry{std::move(session), std::prev(ages_.end())});
}

SessionPtr SessionStore::get(const std::string& key) {
    auto found = entries_.find(key);
    if (found == entries_.end()) {
        return nullptr;
    }
    SSL_SESSION* session = found->second.session.get();
    if (SSL_SESSION_is_resumable(session) != 1) {
        drop(key);
        return nullptr;
    }
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
        SessionPtr taken = std::move(found->second.session);
        drop(key);
        return taken;
    }
    SSL_SESSION_up_ref(session);
    return SessionPtr(session);
}

void SessionStore::drop(const std::string& key) {
    auto found = entries_.find(key);
    if (found != entries_.end()) {
        ages_.erase(found->second.age);
        entries_.erase(found);
    }
}

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {
}

TlsContext::~TlsContext() = default;

// A session of a client context, to be kept for later.  Returning 1 keeps the reference.
static int on_new_session(SSL* ssl, SSL_SESSION* session);

Result<std::unique_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
    auto made = make_state(options);
    if (!made) {
        return fail_with(made);
    }
    State& state = **made;
    if (state.logs(TlsLogLevel::kVerbose)) {
        log_info("initializing the client-side TLS engine");
    }
    auto context = make_ssl_context(state, TLS_client_method(), nullptr);
    if (!context) {
        return fail_with(context);
    }
    state.ctx = std::move(*context);
    SSL_CTX* ctx = state.ctx.get();
    state.many_wildcard_labels = options.wildcard_matches_multiple_labels;
    // The chain is verified and the handshake goes on whatever comes out of it.
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, accept_certificate);
    enable_dane(ctx, options.dane_digests);
    if (options.session_timeout.count() > 0) {
        SSL_CTX_set_session_cache_mode(ctx,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
        SSL_CTX_set_timeout(ctx, options.session_timeout.count());
        SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    }
    return std::unique_ptr<TlsContext>(new TlsContext(std::move(*made)));
}

static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    const std::string& key = notes_of(ssl).session_key;
    if (key.empty()) {
        return 0;
    }
    state_of(ssl).sessions.put(key, SessionPtr(session));
    return 1;
}

void TlsContext::set_ticket_keys(std::vector<TlsTicketKey> keys) {
    if (state_->options.session_timeout.count() > 0 && !keys.empty()) {
        state_->ticket_keys = std::move(keys);
    }
}

std::size_t TlsContext::cached_sessions() const {
    return state_->sessions.size();
}

}  // namespace relais
