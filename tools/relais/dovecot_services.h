// The services of a Dovecot configuration as lines of master.cf: which sockets and ports there are,
// on which addresses, and with which protocol on them.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/dovecot_conf.h"

namespace relais {

class DovecotServices {
  public:
    // What has no counterpart, why, and within which section.
    using Leave = std::function<void(const DovecotSetting&, std::string, std::string_view)>;

    // `queue`: the directory of Postfix's sockets.
    DovecotServices(std::string queue, Leave leave)
        : queue_(std::move(queue)), leave_(std::move(leave)) {}

    // "service NAME { }"
    void take(const DovecotSection& service);

    // "listen = ADDRESS, ADDRESS": for every port that names none itself.
    void take_addresses(const DovecotSetting& setting);

    // Everything for these protocols, with what they need.
    [[nodiscard]] std::vector<std::string> lines(const std::set<std::string>& protocols) const;

  private:
    // A port or a socket of a service.
    struct Listener {
        std::string service;  // Dovecot's name
        std::string name;     // "imaps"
        std::string place;    // name and type for master.cf, without the address
        std::optional<std::vector<std::string>> addresses;  // its own; none of them: all
        std::optional<bool> tls;
        bool behind_proxy = false;
    };

    bool take_port(const std::string& service, const DovecotSection& listener);
    void leave_what_others_lack(const std::string& service, const DovecotSection& listener);
    bool take_socket(const std::string& service, const DovecotSection& listener);
    bool is_own_socket(const std::string& service, const DovecotSection& listener) const;
    void add_logins(std::vector<std::string>& lines, const std::string& protocol) const;
    void add_others(std::vector<std::string>& lines, std::string_view service,
                    std::string_view program) const;
    void add_line(std::vector<std::string>& lines, const Listener& listener,
                  const std::string& rest) const;

    std::string queue_;
    Leave leave_;
    std::vector<std::string> addresses_;
    std::vector<Listener> listeners_;
};

}  // namespace relais
