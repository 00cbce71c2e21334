// Connections to the internal services of the mail system: request and reply lists over
// UNIX-domain sockets in the queue directory (the working directory of every daemon).
//
// A ServiceClient keeps idle connections and uses one for each request at a time, so that many
// sessions of one process share few connections.  After a failed request it tries again over a new
// connection, since the server may just have been restarted.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais {

struct ServiceAddress {
    std::string socket;    // "private/rewrite", or an absolute path
    std::string protocol;  // what the server announces first; empty: it announces nothing
    AttrEncoding encoding = AttrEncoding::kNul;
};

struct ServiceClientLimits {
    std::chrono::milliseconds timeout = std::chrono::hours(1);  // ipc_timeout: each read or write
    std::chrono::milliseconds idle = std::chrono::seconds(5);   // ipc_idle: an unused connection
    std::chrono::milliseconds lifetime = std::chrono::seconds(1000);  // ipc_ttl: any connection
    int tries = 2;                                                    // for each request
    std::chrono::milliseconds retry_delay = std::chrono::seconds(1);
    long requests = 0;  // over one connection; 0 or less: any number
};

// How a server outside the suite is spoken to, where connect_service() and read_attributes() do not
// fit (policy servers).
struct ServiceDialect {
    std::function<Task<Result<std::unique_ptr<Stream>>>()> connect;
    std::function<Task<Result<Attributes>>(Stream*)> read;
};

// Connects once and checks the announcement.  For services that take one request per connection;
// `extra`, where given, receives the announcement's attributes (cleanup's queue id).
[[nodiscard]] Task<Result<std::unique_ptr<Stream>>> connect_service(
    ServiceAddress address, std::chrono::milliseconds timeout, Attributes* announcement = nullptr);

// One request to a service that replies with one `status` number (bounce, flush).  A server of ours
// greets again behind its reply, and the connection is kept for the next request of the process;
// Postfix's hangs up.
[[nodiscard]] Task<Result<int>> status_request(ServiceAddress address, std::string request,
                                               std::chrono::milliseconds timeout);

class ServiceClient {
  public:
    ServiceClient(ServiceAddress address, ServiceClientLimits limits);
    // The dialect may refer to whoever owns the client, and is asked only during calls.
    ServiceClient(ServiceDialect dialect, ServiceClientLimits limits);
    ~ServiceClient();
    ServiceClient(const ServiceClient&) = delete;
    ServiceClient& operator=(const ServiceClient&) = delete;

    // Sends a complete list (or several) and reads one list back.
    [[nodiscard]] Task<Result<Attributes>> call(std::string request);

    // One try of it.  What breaks the connection is an error with its errno, which is 0 where the
    // server hung up.  `request` outlives the task.  `read`, where there is more to an answer than
    // one list, takes all of it.
    using Reader = std::function<Task<Result<Attributes>>(Stream*)>;
    [[nodiscard]] Task<Result<Attributes>> call_once(const std::string& request, Reader read = {});

    const ServiceAddress& address() const { return address_; }

  private:
    struct Connection;

    [[nodiscard]] Task<Result<Attributes>> try_call(const std::string& request, Reader read);
    bool may_stay(const Connection& connection) const;
    std::unique_ptr<Connection> take_idle();
    void keep(std::unique_ptr<Connection> connection);

    ServiceAddress address_;
    ServiceDialect dialect_;
    ServiceClientLimits limits_;
    std::deque<std::unique_ptr<Connection>> idle_;
};

// Wakes a trigger service (pickup, qmgr) at a path, whatever master.cf made of it: a FIFO gets the
// request bytes, a socket those and one NUL.  Does not wait for the service to act on it, but for
// `drain` until it has read them; that it has not is no error.  Errors are kTemporary where the
// service is there but could not be reached; any other one says that there is nothing at the path
// that could be woken.
[[nodiscard]] Task<Result<void>> send_trigger(std::string path, std::string request,
                                              std::chrono::milliseconds timeout,
                                              std::chrono::milliseconds drain = {});

}  // namespace relais
