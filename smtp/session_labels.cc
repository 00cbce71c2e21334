#include "smtp/session_labels.h"

#include "lib/base/format.h"

namespace relais::smtp_client {

namespace {

std::string common_part(const Settings& settings, const SessionPurpose& purpose) {
    std::string label = settings.service + '\n';
    if (!purpose.sender.empty()) {
        label += purpose.sender + '\n';
    }
    return label;
}

}  // namespace

std::string destination_label(const Settings& settings, const SessionPurpose& purpose) {
    return common_part(settings, purpose) + purpose.nexthop + '\n';
}

std::string endpoint_label(const Settings& settings, const SessionPurpose& purpose,
                           const ServerPlace& server) {
    std::string label = common_part(settings, purpose);
    if (settings.has_passwords || server.level > TlsLevel::kNone) {
        label += purpose.nexthop + '\n' + server.host + '\n';
    }
    return label +
           format("{}\n{}\n{}\n", server.address, server.port, static_cast<int>(server.level));
}

}  // namespace relais::smtp_client
