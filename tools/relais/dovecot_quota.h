// Quotas in Dovecot's configuration: settings of the plug-in in 2.3 (quota, quota_rule, ...), a
// section "quota NAME { }" in 2.4, and the scripts that warnings run.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/config/dovecot_conf.h"

namespace relais {

class DovecotQuota {
  public:
    using Leave = std::function<void(const DovecotSetting& setting, std::string why)>;
    // A parameter of ours.
    using Set = std::function<void(std::string name, std::string value, const DovecotSetting&)>;

    DovecotQuota(Set set, Leave leave) : set_(std::move(set)), leave_(std::move(leave)) {}

    // Both return false for what is not about quotas.
    bool take(const DovecotSetting& setting);
    bool take_mailbox(const std::string& mailbox, const DovecotSetting& setting);

    // "quota NAME { }"
    void take_section(const DovecotSection& section);

    // The script of a service, which warnings name by the service; false for other services.
    bool take_service(const DovecotSection& section);

    // What needs all of them.
    void finish();

  private:
    struct Warning {
        std::string when;  // "storage=95%"
        std::string program;
        std::string arguments;
        DovecotSetting from;
    };

    void take_root(const DovecotSetting& setting);
    void take_warning_of_23(const DovecotSetting& setting);
    void take_warning_of_24(const DovecotSection& section);
    void add_rule(std::string rule, const DovecotSetting& from);

    Set set_;
    Leave leave_;
    std::vector<std::pair<std::string, DovecotSetting>> rules_;
    std::vector<Warning> warnings_;
    std::map<std::string, std::string, std::less<>> scripts_;  // by service
};

}  // namespace relais
