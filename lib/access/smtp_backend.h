// The machine with a proxied user's mail, as its LMTP or submission server is spoken to.  RFC 5321,
// RFC 2033
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/access/proxy_backends.h"
#include "lib/access/proxy_target.h"
#include "lib/event/stream.h"
#include "lib/smtp/capabilities.h"
#include "lib/smtp/reply.h"
#include "lib/smtp/xforward.h"

namespace relais {

class SmtpBackend {
  public:
    // All of them must outlive it.  `hello`: EHLO or LHLO.
    SmtpBackend(Stream& stream, ProxyBackends& backends, const ProxyTarget& target,
                std::string_view hello)
        : stream_(stream), backends_(backends), target_(target), hello_(hello) {}

    // Greeting, hello and STARTTLS, and then XCLIENT with those attributes that the server takes,
    // after which the session begins anew: as the client's, if `client_hello` is not empty, whose
    // name for himself it is.  The error is for the log.  Here and below, IoError is thrown where
    // the server hangs up or says too much.
    [[nodiscard]] Task<Result<void>> begin(std::span<const smtp::XforwardAttribute> client,
                                           std::string client_hello = {});

    // What it has offered last.
    const smtp::Capabilities& capabilities() const { return capabilities_; }

    [[nodiscard]] Task<smtp::Reply> read_reply();
    [[nodiscard]] Task<smtp::Reply> ask(std::string command);
    // The same where only a reply of this class will do.
    [[nodiscard]] Task<Result<smtp::Reply>> need(int klass, std::string command);

  private:
    [[nodiscard]] Task<Result<void>> greet(std::string name);
    [[nodiscard]] Task<Result<void>> secure();

    Stream& stream_;
    ProxyBackends& backends_;
    const ProxyTarget& target_;
    std::string_view hello_;
    smtp::Capabilities capabilities_;
};

// The reply's lines for a client, "\n" between, without the codes of all but the first.
[[nodiscard]] std::string passed_reply(const smtp::Reply& reply);

// An address as XCLIENT has it; "" for none.
[[nodiscard]] std::string xclient_address(const SocketAddress& address);

}  // namespace relais
