// What all clients of the process share: settings, tables, the cache, and how many there are.  Made
// before the process enters its jail.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/strings.h"
#include "lib/maps/expiring_cache.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table_set.h"

#include "postscreen/access_list.h"
#include "postscreen/dnsbl_client.h"
#include "postscreen/settings.h"

namespace relais::postscreen {

class Site {
  public:
    Site();

    // The same as long as a client is there.
    class Presence {
      public:
        Presence(Site& site, std::string address);
        ~Presence();
        Presence(const Presence&) = delete;
        Presence& operator=(const Presence&) = delete;

        // How many there are with this address, this one included.
        int count() const;

      private:
        Site& site_;
        std::string address_;
    };

    // Clients that wait for smtpd to take them.
    class Handover {
      public:
        explicit Handover(Site& site) : site_(site) { ++site_.handed_over; }

        ~Handover() { --site_.handed_over; }

        Handover(const Handover&) = delete;
        Handover& operator=(const Handover&) = delete;

      private:
        Site& site_;
    };

    // Logs the beginning of stress when there are many clients.
    void note_load();

    // "WHITE" or "ALLOW", "BLACK" or "DENY", with the remark about an old default.
    std::string_view allow_word(std::string_view client) const;
    std::string_view deny_word(std::string_view client) const;

    Settings settings;
    AccessList access;
    MatchList own_interfaces;      // postscreen_allowlist_interfaces
    MatchList forbidden_commands;  // postscreen_forbidden_commands
    TableSet command_filter, ehlo_keywords, footers;
    DnsblClient dnsbl;
    std::shared_ptr<ExpiringCache> cache;  // none: nothing is remembered
    int clients = 0, handed_over = 0;
    bool under_stress = false;

  private:
    void remark_on_words(std::string_view client) const;

    std::unordered_map<std::string, int, StringHash, std::equal_to<>> by_address_;
};

}  // namespace relais::postscreen
