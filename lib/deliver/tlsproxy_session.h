// TLS in tlsproxy(8) in the client's role, for a connection that this process has made: what
// tls_connect() does here is done there.
//
//   TlsproxyClientList list = tlsproxy_settings(conf(), "smtp");
//   describe_connection(list, std::move(options), host);
//   auto proxy = co_await open_tlsproxy(service, request, wait, format_tlsproxy_client_list(..));
//   auto context = co_await hand_over(proxy->get(), fd);
//   TlsInfo info = tls_info_of(*context, level);   // and the plaintext goes through *proxy
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/ipc/tlsproxy_client.h"
#include "lib/tls/tls_info.h"
#include "lib/tls/tls_session.h"

namespace relais {

// What is asked of the handshake with `host`.  Bare keys are not in what tlsproxy is told.
void describe_connection(TlsproxyClientList& list, TlsConnectOptions options,
                         const std::string& host);

// From here on the connection with the server is tlsproxy's.  An error: the handshake has failed,
// or tlsproxy is gone.
[[nodiscard]] Task<Result<TlsproxyContext>> hand_over(Stream* proxy, int fd);

// As tls_connect() would have said it.  The level may be lower than the wanted one, where no TLSA
// record was of use.
[[nodiscard]] TlsInfo tls_info_of(const TlsproxyContext& context, TlsLevel wanted);

}  // namespace relais
