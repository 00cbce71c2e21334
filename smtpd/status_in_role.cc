// Roles of status codes: see the header.  Found by asking Postfix (RFC 3463 3.2 has the codes).
#include "smtpd/status_in_role.h"

#include <array>

#include "lib/base/log.h"

namespace relais::smtpd {
namespace {

constexpr int kAddressStatus = 1;
constexpr std::array<int, 10> kOfSenders = {0, 7, 8, 7, 7, 0, 7, 7, 8, 0};
constexpr std::array<int, 10> kOfRecipients = {0, 1, 2, 3, 4, 5, 6, 3, 2, 0};

DsnCode of_address(DsnCode code, const std::array<int, 10>& details) {
    const auto detail = static_cast<std::size_t>(code.detail());
    return {code.klass(), kAddressStatus, detail < details.size() ? details.at(detail) : 0};
}

}  // namespace

DsnCode status_in_role(DsnCode code, std::string_view reply_class) {
    if (code.subject() != kAddressStatus) {
        return code;
    }
    DsnCode own(code.klass(), 0, 0);
    if (reply_class == "Sender address") {
        own = of_address(code, kOfSenders);
    } else if (reply_class == "Recipient address") {
        own = of_address(code, kOfRecipients);
    }
    if (own != code) {
        log_info("mapping DSN status {} into {} status {}", code.to_string(), reply_class,
                 own.to_string());
    }
    return own;
}

}  // namespace relais::smtpd
