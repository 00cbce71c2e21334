#include "lib/tls/tls_transport.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>

#include "lib/base/log.h"
#include "lib/event/errors.h"
#include "lib/tls/tls_log.h"

namespace relais {

namespace {

// OpenSSL's own socket BIO would raise SIGPIPE, and would not tell when the socket is drained (the
// stream's events are edge-triggered).
int socket_read(BIO* bio, char* into, int size) {
    auto* socket = static_cast<TlsTransport::Socket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    ssize_t got = -1;
    do {
        got = ::recv(socket->fd, into, static_cast<std::size_t>(size), 0);
    } while (got < 0 && errno == EINTR);
    socket->drained = got < size;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    } else if (got < 0) {
        socket->error = errno;
    } else if (got == 0) {
        socket->end = true;
    }
    return static_cast<int>(got);
}

int socket_write(BIO* bio, const char* bytes, int size) {
    auto* socket = static_cast<TlsTransport::Socket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    ssize_t put = -1;
    do {
        put = ::send(socket->fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    } else if (put < 0) {
        socket->error = errno;
    }
    return static_cast<int>(put);
}

long socket_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    const auto* socket = static_cast<const TlsTransport::Socket*>(BIO_get_data(bio));
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return socket->end ? 1 : 0;
        default:
            return 0;
    }
}

BIO_METHOD* socket_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
        if (made == nullptr || BIO_meth_set_read(made, socket_read) != 1 ||
            BIO_meth_set_write(made, socket_write) != 1 ||
            BIO_meth_set_ctrl(made, socket_control) != 1) {
            log_fatal("cannot set up TLS input and output");
        }
        return made;
    }();
    return method;
}

}  // namespace

int session_notes_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

TlsTransport::TlsTransport(SSL_CTX* ctx, int fd) : ssl_(SSL_new(ctx)) {
    socket_.fd = fd;
    BIO* bio = ssl_ ? BIO_new(socket_method()) : nullptr;
    if (bio == nullptr) {
        throw IoError("cannot start a TLS session: " + take_tls_error(), ENOMEM);
    }
    BIO_set_data(bio, &socket_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_ex_data(ssl_.get(), session_notes_index(), &notes_);
}

TlsTransport::~TlsTransport() {
    say_goodbye();
}

bool TlsTransport::say_goodbye() {
    const bool possible = std::exchange(usable_, false) && SSL_is_init_finished(ssl_.get()) == 1;
    if (possible) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    ERR_clear_error();
    return possible;
}

void TlsTransport::dump(Dump what) {
    dump_ = what;
    if (what != Dump::kNone) {
        dump_bytes(SSL_get_rbio(ssl_.get()));
    }
}

IoOutcome TlsTransport::explain(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_CLIENT_HELLO_CB:
        case SSL_ERROR_WANT_READ:
            return {IoStatus::kWantRead, 0, 0, {}};
        case SSL_ERROR_WANT_WRITE:
            return {IoStatus::kWantWrite, 0, 0, {}};
        case SSL_ERROR_ZERO_RETURN:
            return {IoStatus::kEndOfStream, 0, 0, {}};
        case SSL_ERROR_SYSCALL:
            usable_ = false;
            failure_ = socket_.error == 0 ? "lost connection" : std::strerror(socket_.error);
            ERR_clear_error();
            return {IoStatus::kFailed, 0, socket_.error, failure_};
        default:
            usable_ = false;
            failure_ = "-1";
            return {IoStatus::kFailed, 0, EPROTO, "TLS failure"};
    }
}

IoOutcome TlsTransport::handshake() {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
        if (dump_ == Dump::kHandshake) {
            stop_dump(SSL_get_rbio(ssl_.get()));
        }
        return {IoStatus::kDone, 0, 0, {}};
    }
    IoOutcome outcome = explain(result);
    if (outcome.status == IoStatus::kEndOfStream) {
        // The end of the stream is not the end of a handshake.
        usable_ = false;
        failure_ = "lost connection";
        return {IoStatus::kFailed, 0, 0, failure_};
    }
    return outcome;
}

IoOutcome TlsTransport::read(std::span<char> into) {
    ERR_clear_error();
    std::size_t count = 0;
    int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    if (result == 1) {
        if (dump_ == Dump::kAll) {
            log_plain_text("Read", {into.data(), count});
        }
        return {IoStatus::kDone, count, 0, {}};
    }
    IoOutcome outcome = explain(result);
    if (outcome.status == IoStatus::kFailed) {
        log_tls_errors();
    }
    return outcome;
}

IoOutcome TlsTransport::write(std::string_view bytes) {
    ERR_clear_error();
    std::size_t count = 0;
    if (dump_ == Dump::kAll) {
        log_plain_text("Write", bytes);
    }
    int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    if (result == 1) {
        return {IoStatus::kDone, count, 0, {}};
    }
    IoOutcome outcome = explain(result);
    if (outcome.status == IoStatus::kEndOfStream) {
        return {IoStatus::kFailed, 0, EPIPE, "lost connection"};
    }
    if (outcome.status == IoStatus::kFailed) {
        log_tls_errors();
    }
    return outcome;
}

bool TlsTransport::has_pending() const {
    return SSL_has_pending(ssl_.get()) == 1 || !socket_.drained;
}

}  // namespace relais
