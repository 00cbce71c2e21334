// Session tickets: the keys are ours, so that all processes of a service can open each other's.
#include <array>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include "lib/base/log.h"
#include "lib/tls/context_state.h"
#include "lib/tls/session_notes.h"

namespace relais {

namespace {

const TlsTicketKey* find_ticket_key(const TlsContext::State& state, const unsigned char* name) {
    for (const TlsTicketKey& key : state.ticket_keys) {
        if (std::memcmp(key.name.data(), name, key.name.size()) == 0) {
            return &key;
        }
    }
    return nullptr;
}

int setup_ticket(EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, const TlsTicketKey& key,
                 const EVP_CIPHER* kind, const unsigned char* iv, int encrypt) {
    std::array<OSSL_PARAM, 2> digest = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("sha256"), 0),
        OSSL_PARAM_construct_end()};
    bool ready = EVP_MAC_init(mac, key.hmac_key.data(), key.hmac_key.size(), digest.data()) == 1 &&
                 EVP_CipherInit_ex2(cipher, kind, key.cipher_key.data(), iv, encrypt, nullptr) == 1;
    return ready ? 1 : -1;
}

// OpenSSL asks for the key of a ticket: to make one, or to open one that a client brought.
int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, int encrypt) {
    const TlsContext::State& state = state_of(ssl);
    const auto tell = [&](std::string_view what, const TlsTicketKey& key) {
        if (state.logs(TlsLogLevel::kVerbose)) {
            log_info("{}: {} session ticket, key expiration: {}", notes_of(ssl).peer, what,
                     key.expires);
        }
    };
    if (encrypt != 0) {
        if (state.ticket_keys.empty() || RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) {
            return 0;
        }
        const TlsTicketKey& key = state.ticket_keys.front();
        std::memcpy(name, key.name.data(), key.name.size());
        tell("Issuing", key);
        return setup_ticket(cipher, mac, key, state.ticket_cipher, iv, 1);
    }
    const TlsTicketKey* key = find_ticket_key(state, name);
    if (key == nullptr) {
        return 0;
    }
    tell("Decrypting", *key);
    int ready = setup_ticket(cipher, mac, *key, state.ticket_cipher, iv, 0);
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

}  // namespace

const EVP_CIPHER* find_ticket_cipher(const std::string& name) {
    if (name.empty()) {
        return nullptr;
    }
    const EVP_CIPHER* cipher = EVP_get_cipherbyname(name.c_str());
    TlsTicketKey key;
    // As the tickets' format wants it: one block for the IV, a key of ours, and no tag of its own.
    if (cipher == nullptr || EVP_CIPHER_get_mode(cipher) != EVP_CIPH_CBC_MODE ||
        EVP_CIPHER_get_iv_length(cipher) != EVP_MAX_IV_LENGTH ||
        EVP_CIPHER_get_key_length(cipher) > static_cast<int>(key.cipher_key.size())) {
        log_warning("tls_session_ticket_cipher: invalid value: {}; session tickets disabled", name);
        ERR_clear_error();
        return nullptr;
    }
    return cipher;
}

void serve_tickets(TlsContext::State& state, SSL_CTX* ctx) {
    if (state.options.session_timeout.count() <= 0 || state.ticket_cipher == nullptr) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        if (state.options.session_timeout.count() <= 0 || !state.server.keeps_sessions) {
            // With TLS 1.3 ids come as tickets, too.
            SSL_CTX_set_num_tickets(ctx, 0);
        }
        return;
    }
    SSL_CTX_set_num_tickets(ctx, 1);
    if (state.ticket_keys.empty()) {
        state.ticket_keys.push_back(make_ticket_key());
    }
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
}

}  // namespace relais
