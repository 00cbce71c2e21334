// Tells, once, when the resolver seems not to validate: then there is no DANE for anybody.
#pragma once

#include <string>

#include "lib/dns/resolver.h"
#include "lib/event/task.h"

#include "smtp/server_list.h"
#include "smtp/settings.h"

namespace relais::smtp_client {

class DnssecProbe {
  public:
    // Both must outlive it.  A value of dnssec_probe that makes no sense ends the process.
    DnssecProbe(const Config& config, const Settings& settings, Resolver& resolver);

    // Looks at what was found for a destination.  When the first answers are not validated, a
    // name is asked for that certainly is signed.
    [[nodiscard]] Task<void> look_at(const ServerList* list);

  private:
    std::string parameter_;  // "ns:."
    DnsType type_ = DnsType::kNs;
    std::string name_;
    Resolver& resolver_;
    bool done_ = false;
};

}  // namespace relais::smtp_client
