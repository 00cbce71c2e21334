#include "lib/tls/tls_context.h"

#include <algorithm>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/tls/context_state.h"
#include "lib/tls/tls_protocols.h"

namespace relais {

int context_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int session_key_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

namespace {

TlsContext::State* state_of(SSL* ssl) {
    return static_cast<TlsContext::State*>(
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index()));
}

// Handshakes go on with certificates that don't verify; the result is judged afterwards.
int accept_certificate(int /*preverified*/, X509_STORE_CTX* /*store*/) {
    return 1;
}

const TlsTicketKey* find_ticket_key(const TlsContext::State& state, const unsigned char* name) {
    for (const TlsTicketKey& key : state.ticket_keys) {
        if (std::memcmp(key.name.data(), name, key.name.size()) == 0) {
            return &key;
        }
    }
    return nullptr;
}

int setup_ticket(EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, const TlsTicketKey& key,
                 const unsigned char* iv, int encrypt) {
    std::array<OSSL_PARAM, 2> digest = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("sha256"), 0),
        OSSL_PARAM_construct_end()};
    bool ready = EVP_MAC_init(mac, key.hmac_key.data(), key.hmac_key.size(), digest.data()) == 1 &&
                 EVP_CipherInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher_key.data(), iv, encrypt,
                                    nullptr) == 1;
    return ready ? 1 : -1;
}

// OpenSSL asks for the key of a ticket: to make one, or to open one that a client brought.
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int encrypt) {
    const TlsContext::State& state = *state_of(ssl);
    if (encrypt != 0) {
        if (state.ticket_keys.empty() || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) {
            return 0;
        }
        const TlsTicketKey& key = state.ticket_keys.front();
        std::memcpy(name, key.name.data(), key.name.size());
        return setup_ticket(cipher, mac, key, iv, 1);
    }
    const TlsTicketKey* key = find_ticket_key(state, name);
    if (key == nullptr) {
        return 0;
    }
    int ready = setup_ticket(cipher, mac, *key, iv, 0);
    // 2: accept it, and give the client a new one, under the current key.
    return ready == 1 && key != &state.ticket_keys.front() ? 2 : ready;
}

TlsTicketKey make_ticket_key() {
    TlsTicketKey key;
    if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
        RAND_bytes(key.cipher_key.data(), static_cast<int>(key.cipher_key.size())) != 1 ||
        RAND_bytes(key.hmac_key.data(), static_cast<int>(key.hmac_key.size())) != 1) {
        log_fatal("no random bytes for TLS session tickets");
    }
    return key;
}

// Group names that this OpenSSL does not know are left out, as new ones come with new versions.
void set_groups(SSL_CTX* ctx, std::string_view names) {
    std::string list;
    for (std::string_view name : split_words(names, " \t\r\n,:")) {
        std::string one(name);
        if (SSL_CTX_set1_groups_list(ctx, one.c_str()) == 1) {
            list += (list.empty() ? "" : ":") + one;
        }
    }
    if (list.empty() || SSL_CTX_set1_groups_list(ctx, list.c_str()) != 1) {
        log_warning("no usable TLS key exchange group in \"{}\"", names);
    }
    ERR_clear_error();
}

std::string all_groups(const TlsCommonOptions& options) {
    return options.auto_groups + " " + options.ffdhe_groups;
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
        log_warning("cannot load Certification Authority data, {}{}{}: disabling TLS support",
                    file != nullptr ? format("CAfile=\"{}\"", options.ca_file) : "",
                    file != nullptr && path != nullptr ? ", " : "",
                    path != nullptr ? format("CApath=\"{}\"", options.ca_path) : "");
        log_tls_errors();
        return fail(Errc::kSystem, "cannot load certification authorities");
    }
    return {};
}

Result<std::uint64_t> option_bits(const TlsCommonOptions& options) {
    auto extra = parse_ssl_options(options.ssl_options);
    auto disabled = parse_workarounds(options.disable_workarounds);
    if (!extra || !disabled) {
        return std::unexpected(extra ? disabled.error() : extra.error());
    }
    constexpr std::uint64_t kAlways =
        SSL_OP_ALL | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF;
    return (kAlways & ~*disabled) | *extra;
}

Result<void> set_protocols(SSL_CTX* ctx, const std::string& text) {
    auto protocols = parse_tls_protocols(text);
    if (!protocols) {
        return fail_with(protocols);
    }
    if (SSL_CTX_set_min_proto_version(ctx, protocols->lowest) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, protocols->highest) != 1) {
        ERR_clear_error();
        return fail(Errc::kSyntax, "TLS protocol bounds out of range: " + text);
    }
    SSL_CTX_set_options(ctx, tls_exclusion_options(*protocols));
    return {};
}

// What servers and clients have in common.
Result<std::unique_ptr<TlsContext::State>> make_state(const TlsCommonOptions& options,
                                                      const SSL_METHOD* method) {
    auto state = std::make_unique<TlsContext::State>();
    state->options = options;
    state->fingerprint_digest = EVP_get_digestbyname(options.fingerprint_digest.c_str());
    if (state->fingerprint_digest == nullptr) {
        return fail(Errc::kSyntax, format("fingerprint digest algorithm \"{}\" not found",
                                          options.fingerprint_digest));
    }
    state->ctx.reset(SSL_CTX_new(method));
    if (!state->ctx) {
        return fail(Errc::kSystem, "cannot allocate a TLS context: " + take_tls_error());
    }
    SSL_CTX* ctx = state->ctx.get();
    auto bits = option_bits(options);
    if (!bits) {
        return fail_with(bits);
    }
    SSL_CTX_set_options(ctx, *bits);
    SSL_CTX_set_ex_data(ctx, context_index(), state.get());
    // An idle session holds no buffers; a record that does not go out whole may be tried again
    // from another place.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    // The cipher grades decide, not the library's idea of a minimum: opportunistic TLS with weak
    // parameters is better than plaintext.
    SSL_CTX_set_security_level(ctx, 0);
    if (auto loaded = load_authorities(ctx, options); !loaded) {
        return fail_with(loaded);
    }
    SSL_CTX_set_verify_depth(ctx, options.verify_depth + 1);
    if (!load_certificates(ctx, options.certificates)) {
        return fail(Errc::kSystem, "cannot load TLS certificates");
    }
    return state;
}

void set_server_resumption(TlsContext::State& state) {
    SSL_CTX* ctx = state.ctx.get();
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (state.options.session_timeout.count() <= 0) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
        return;
    }
    static constexpr std::string_view kContext = "relais";
    SSL_CTX_set_session_id_context(ctx, reinterpret_cast<const unsigned char*>(kContext.data()),
                                   kContext.size());
    SSL_CTX_set_timeout(ctx, state.options.session_timeout.count());
    SSL_CTX_set_num_tickets(ctx, 1);
    state.ticket_keys.push_back(make_ticket_key());
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
}

void set_client_certificates(TlsContext::State& state, const TlsServerOptions& options) {
    using Wanted = TlsServerOptions::ClientCertificate;
    if (options.client_certificate == Wanted::kNotAsked) {
        SSL_CTX_set_verify(state.ctx.get(), SSL_VERIFY_NONE, nullptr);
        return;
    }
    // A missing certificate is judged after the handshake, where there is a name for the log.
    SSL_CTX_set_verify(state.ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE,
                       accept_certificate);
    state.client_certificate_required = options.client_certificate == Wanted::kRequired;
    if (!options.ca_file.empty()) {
        SSL_CTX_set_client_CA_list(state.ctx.get(),
                                   SSL_load_client_CA_file(options.ca_file.c_str()));
        ERR_clear_error();
    }
}

}  // namespace

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

Result<std::unique_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
    auto made = make_state(options, TLS_server_method());
    if (!made) {
        return fail_with(made);
    }
    State& state = **made;
    SSL_CTX* ctx = state.ctx.get();
    if (auto set = set_protocols(ctx, options.protocols); !set) {
        return fail_with(set);
    }
    std::string exclusions = options.exclude_ciphers;
    if (options.client_certificate != TlsServerOptions::ClientCertificate::kNotAsked) {
        exclusions += " aNULL";
    }
    auto ciphers = tls_cipher_list(options.cipher_lists, options.cipher_grade, exclusions);
    if (!ciphers) {
        return fail_with(ciphers);
    }
    if (SSL_CTX_set_cipher_list(ctx, ciphers->c_str()) != 1) {
        return fail(Errc::kSyntax, "no usable cipher in \"" + *ciphers + "\": " + take_tls_error());
    }
    SSL_CTX_set_dh_auto(ctx, 1);
    set_groups(ctx, all_groups(options));
    if (options.preempt_cipherlist) {
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    set_server_resumption(state);
    set_client_certificates(state, options);
    return std::unique_ptr<TlsContext>(new TlsContext(std::move(*made)));
}

// A session of a client context, to be kept for later.  Returning 1 keeps the reference.
static int on_new_session(SSL* ssl, SSL_SESSION* session);

Result<std::unique_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
    auto made = make_state(options, TLS_client_method());
    if (!made) {
        return fail_with(made);
    }
    State& state = **made;
    SSL_CTX* ctx = state.ctx.get();
    state.many_wildcard_labels = options.wildcard_matches_multiple_labels;
    set_groups(ctx, all_groups(options));
    // The chain is verified and the handshake goes on whatever comes out of it.
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, nullptr);
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
    const auto* key = static_cast<const std::string*>(SSL_get_ex_data(ssl, session_key_index()));
    if (key == nullptr || key->empty()) {
        return 0;
    }
    state_of(ssl)->sessions.put(*key, SessionPtr(session));
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
