// Connections to the machines that proxied users are sent to, and what is remembered of those that
// were away: they are not waited for by everybody, and asked again after a while.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/access/proxy_target.h"
#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/tls/tls_context.h"

namespace relais {

// For whom a connection is made, where the other side may hear of it.
struct ProxiedClient {
    SocketAddress remote;
    SocketAddress local;  // where he has come to
    int hops_left = 0;    // so many more proxies may follow
};

class ProxyBackends {
  public:
    // While the process may still read files.
    ProxyBackends();

    // A connection, with TLS if that comes first, in the time that the target leaves: its deadline
    // is the stream's.  The error is for the log.
    [[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect(ProxyTarget target,
                                                                ProxiedClient client);

    // TLS on a stream whose server has said that it is ready for it.
    [[nodiscard]] Task<Result<void>> start_tls(Stream* stream, const ProxyTarget* target);

  private:
    // A machine that has not answered since.
    struct Away {
        SteadyTime since;
        SteadyTime next;  // when the next one may try
        std::chrono::seconds pause{1};
    };

    [[nodiscard]] Task<Result<UniqueFd>> reach(const ProxyTarget* target, Deadline deadline);
    [[nodiscard]] Result<void> may_try(const std::string& name);
    void note_failure(const std::string& name);

    std::unique_ptr<TlsContext> tls_;
    std::map<std::string, Away> away_;
};

}  // namespace relais
