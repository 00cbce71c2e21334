#include "lib/tls/session_cache.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/context_state.h"
#include "lib/tls/tls_session.h"

namespace relais {

namespace {

using Bytes = std::span<const unsigned char>;

// A name of the suite's: sessions of another service or another OpenSSL are no good.
std::string stored_name(const SessionNotes& notes, Bytes id) {
    std::string name;
    for (const unsigned char byte : id) {
        name += format("{:02X}", byte);
    }
    return name + format("&s={}&l={}", notes.service, OpenSSL_version_num());
}

Bytes extension(SSL* ssl, unsigned type) {
    const unsigned char* bytes = nullptr;
    std::size_t size = 0;
    return SSL_client_hello_get0_ext(ssl, type, &bytes, &size) == 1 ? Bytes(bytes, size) : Bytes();
}

std::size_t number_at(Bytes bytes, std::size_t at) {
    return std::size_t{bytes[at]} << 8 | bytes[at + 1];
}

// Whether it will be TLS 1.3.  RFC 8446 4.2.1
bool agrees_on_tls13(SSL* ssl) {
    const auto versions = extension(ssl, TLSEXT_TYPE_supported_versions);
    const auto highest = SSL_get_max_proto_version(ssl);
    if (versions.size() < 3 || (highest != 0 && highest < TLS1_3_VERSION) ||
        (SSL_get_options(ssl) & SSL_OP_NO_TLSv1_3) != 0) {
        return false;
    }
    for (std::size_t at = 1; at + 1 < versions.size(); at += 2) {
        if (number_at(versions, at) == TLS1_3_VERSION) {
            return true;
        }
    }
    return false;
}

// The first identity of a pre_shared_key extension, which without tickets is a session's id.
// RFC 8446 4.2.11
Bytes first_identity(Bytes keys) {
    constexpr std::size_t kHead = 4;
    if (keys.size() < kHead) {
        return {};
    }
    const auto length = number_at(keys, 2);
    return length <= SSL_MAX_SSL_SESSION_ID_LENGTH && keys.size() >= kHead + length
               ? keys.subspan(kHead, length)
               : Bytes();
}

Bytes wanted_id(SSL* ssl) {
    const bool tickets = (SSL_get_options(ssl) & SSL_OP_NO_TICKET) == 0;
    if (agrees_on_tls13(ssl)) {
        return tickets ? Bytes() : first_identity(extension(ssl, TLSEXT_TYPE_psk));
    }
    if (tickets && !extension(ssl, TLSEXT_TYPE_session_ticket).empty()) {
        return {};
    }
    const unsigned char* bytes = nullptr;
    const auto size = SSL_client_hello_get0_session_id(ssl, &bytes);
    return {bytes, size};
}

bool tells(SSL* ssl) {
    return state_of(ssl).logs(TlsLogLevel::kVerbose);
}

SSL_SESSION* on_session_wanted(SSL* ssl, const unsigned char* id, int size, int* copy) {
    *copy = 0;
    auto& notes = notes_of(ssl);
    if (notes.store == nullptr || !notes.store->is_open()) {
        return nullptr;
    }
    const auto name = stored_name(notes, Bytes(id, static_cast<std::size_t>(size)));
    if (tells(ssl)) {
        log_info("{}: looking up session {} in {} cache", notes.peer, name, notes.store->name());
    }
    if (!notes.stored_session || name != notes.wanted_session) {
        return nullptr;
    }
    if (tells(ssl)) {
        log_info("{}: reloaded session {} from {} cache", notes.peer, name, notes.store->name());
    }
    notes.reloaded = true;
    return notes.stored_session.release();
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
    auto& notes = notes_of(ssl);
    if (notes.store == nullptr || !notes.store->is_open()) {
        return 0;
    }
    unsigned size = 0;
    const unsigned char* id = SSL_SESSION_get_id(session, &size);
    auto name = stored_name(notes, Bytes(id, size));
    if (tells(ssl)) {
        log_info("{}: save session {} to {} cache", notes.peer, name, notes.store->name());
    }
    const int length = i2d_SSL_SESSION(session, nullptr);
    std::string bytes(static_cast<std::size_t>(std::max(length, 0)), '\0');
    auto* out = reinterpret_cast<unsigned char*>(bytes.data());
    if (length <= 0 || i2d_SSL_SESSION(session, &out) != length) {
        log_warning("{}: unable to cache session", notes.peer);
        return 0;
    }
    notes.new_sessions.emplace_back(std::move(name), std::move(bytes));
    return 0;  // no reference is kept
}

}  // namespace

void serve_session_ids(SSL_CTX* ctx) {
    SSL_CTX_sess_set_get_cb(ctx, on_session_wanted);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
}

std::string wanted_session(SSL* ssl, const SessionNotes& notes) {
    const auto id = wanted_id(ssl);
    return id.empty() ? "" : stored_name(notes, id);
}

void use_stored_session(SSL* ssl, SessionNotes& notes, std::string_view bytes) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    notes.stored_session.reset(d2i_SSL_SESSION(nullptr, &at, static_cast<long>(bytes.size())));
    if (!notes.stored_session) {
        ERR_clear_error();
        if (!bytes.empty() && tells(ssl)) {
            log_info("{}: the {} cache has no session under {}", notes.peer, notes.store->name(),
                     notes.wanted_session);
        }
    }
}

Task<void> settle_sessions(SessionNotes* notes, bool good) {
    if (!good && notes->reloaded) {
        log_info("{}: remove session {} from {} cache", notes->peer, notes->wanted_session,
                 notes->store->name());
        co_await notes->store->remove(notes->wanted_session);
    }
    auto sessions = std::exchange(notes->new_sessions, {});
    for (auto& [name, bytes] : sessions) {
        if (good) {
            co_await notes->store->put(std::move(name), std::move(bytes));
        }
    }
}

}  // namespace relais
