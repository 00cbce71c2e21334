// How the bytes of a stream move: directly over a descriptor, or through TLS (lib/tls).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace relais {

enum class IoStatus {
    kDone,         // `count` bytes moved
    kEndOfStream,  // the peer has closed its side
    kWantRead,     // try again when the descriptor is readable
    kWantWrite,    // try again when the descriptor is writable
    kFailed,       // `error` says why
};

struct IoOutcome {
    IoStatus status = IoStatus::kDone;
    std::size_t count = 0;
    int sys_errno = 0;
    std::string error;
};

class Transport {
  public:
    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    virtual IoOutcome read(std::span<char> into) = 0;
    virtual IoOutcome write(std::string_view bytes) = 0;

    // True when bytes wait inside the transport, so that the descriptor need not become readable.
    virtual bool has_pending() const = 0;
};

// The plain transport.  It does not own the descriptor.
[[nodiscard]] std::unique_ptr<Transport> plain_transport(int fd);

}  // namespace relais
