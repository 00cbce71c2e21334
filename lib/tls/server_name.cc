#include "lib/tls/server_name.h"

#include <span>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/hostname.h"
#include "lib/tls/load_certificates.h"
#include "lib/tls/session_notes.h"

namespace relais {

namespace {

// The host name in a server_name extension: a list with one entry of type 0.  RFC 6066 3
std::string name_in_extension(std::span<const unsigned char> bytes) {
    const auto number = [&](std::size_t at) { return std::size_t{bytes[at]} << 8 | bytes[at + 1]; };
    if (bytes.size() < 5 || number(0) != bytes.size() - 2 ||
        bytes[2] != TLSEXT_NAMETYPE_host_name || number(3) != bytes.size() - 5) {
        return {};
    }
    const auto name = bytes.subspan(5);
    return {reinterpret_cast<const char*>(name.data()), name.size()};
}

std::string asked_name(SSL* ssl) {
    const unsigned char* bytes = nullptr;
    std::size_t size = 0;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1) {
        return {};
    }
    return name_in_extension({bytes, size});
}

int use_answer(SSL* ssl, SessionNotes& notes, int* alert) {
    notes.chain_state = SessionNotes::Chain::kSettled;
    if (!notes.chain) {
        log_warning("{}", notes.chain.error().message);
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!*notes.chain) {
        log_info("TLS SNI {} from {} not matched, using default chain", notes.server_name,
                 notes.peer);
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    if (!load_chain_text(ssl, **notes.chain, "SNI data for " + notes.server_name)) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    notes.chain_used = true;
    return SSL_CLIENT_HELLO_SUCCESS;
}

// Tells the client, and the session that it may resume, that its name was heard.
int on_server_name(SSL* ssl, int* /*alert*/, void* /*unused*/) {
    return notes_of(ssl).chain_used ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

int look_at_server_name(SSL* ssl, int* alert) {
    SessionNotes& notes = notes_of(ssl);
    switch (notes.chain_state) {
        case SessionNotes::Chain::kAsked:
            return SSL_CLIENT_HELLO_RETRY;
        case SessionNotes::Chain::kAnswered:
            return use_answer(ssl, notes, alert);
        case SessionNotes::Chain::kNotWanted:
        case SessionNotes::Chain::kSettled:
            return SSL_CLIENT_HELLO_SUCCESS;
        case SessionNotes::Chain::kWanted:
            break;
    }
    notes.server_name = asked_name(ssl);
    if (notes.server_name.empty()) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    if (!is_hostname(notes.server_name)) {
        log_warning("TLS SNI from {} is invalid: {}", notes.peer, printable(notes.server_name));
        notes.chain_state = SessionNotes::Chain::kSettled;
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    notes.chain_state = SessionNotes::Chain::kAsked;
    return SSL_CLIENT_HELLO_RETRY;
}

void acknowledge_server_names(SSL_CTX* ctx) {
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
}

}  // namespace relais
