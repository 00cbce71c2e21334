// What all sessions of the process share.
#pragma once

#include <memory>
#include <optional>

#include "lib/access/delivery_pool.h"
#include "lib/access/proxy_backends.h"
#include "lib/access/trusted_proxies.h"
#include "lib/tls/tls_context.h"

#include "imapd/lmtpd/message.h"
#include "imapd/lmtpd/title.h"

namespace relais::lmtpd {

// Which address Delivered-To tells (lmtpd_delivery_address).
enum class DeliveredTo { kNone, kFinal, kOriginal };

class Site {
  public:
    // With all privileges, outside the jail.
    Site();

    DeliveryPool& pool() { return pool_; }

    // The machines of recipients whose mailbox is elsewhere.
    ProxyBackends& backends() { return backends_; }

    const TrustedProxies& trusted_proxies() const { return trusted_proxies_; }

    const SpoolDirectory& spool() const { return spool_; }

    DeliveredTo delivered_to() const { return delivered_to_; }

    Title& title() { return title_; }

    // Null where TLS is off or impossible.
    TlsContext* tls() { return tls_.get(); }

    bool tls_required() const { return tls_required_; }

  private:
    void open_tls();

    DeliveryPool pool_;  // first: it forks
    SpoolDirectory spool_;
    ProxyBackends backends_;
    TrustedProxies trusted_proxies_;
    DeliveredTo delivered_to_ = DeliveredTo::kFinal;
    Title title_;
    std::unique_ptr<TlsContext> tls_;
    bool tls_required_ = false;
};

}  // namespace relais::lmtpd
