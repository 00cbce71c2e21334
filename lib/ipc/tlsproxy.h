// The way into tlsproxy(8), which does TLS for programs that cannot: a request, the descriptor of
// the connection with the remote side, and then the plaintext over the connection with tlsproxy.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais {

inline constexpr std::string_view kTlsproxyProtocol = "tlsproxy_protocol";

// Flags of a request.
inline constexpr std::uint32_t kTlsproxyServer = 1;       // the remote side is a client
inline constexpr std::uint32_t kTlsproxyClient = 2;       // the remote side is a server
inline constexpr std::uint32_t kTlsproxySendContext = 4;  // tell what the handshake came to

struct TlsproxyRequest {
    std::string peer;  // "[192.0.2.1]:12345", for the log
    std::uint32_t flags = 0;
    std::chrono::seconds handshake_timeout{0}, session_timeout{0};
    std::string server_id;  // whose sessions may be resumed: a service's name
};

[[nodiscard]] std::string format_tlsproxy_request(const TlsproxyRequest& request);
[[nodiscard]] Result<TlsproxyRequest> parse_tlsproxy_request(const Attributes& attributes);

// Connects with the service and asks for TLS in the server's role.  The caller then sends the
// descriptor (Stream::send_fd); what comes afterwards is plaintext, or the end of the stream where
// the handshake has failed.  `wait` is for each step.  In the client's role `list`, of
// tlsproxy_client.h, is part of the request.
[[nodiscard]] Task<Result<std::unique_ptr<Stream>>> open_tlsproxy(std::string service,
                                                                  TlsproxyRequest request,
                                                                  std::chrono::milliseconds wait,
                                                                  std::string list = {});

}  // namespace relais
