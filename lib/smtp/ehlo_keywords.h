// The keywords of a server's answer to EHLO that can be left out (smtpd_discard_ehlo_keywords).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais::smtp {

enum EhloKeyword : unsigned {
    kEhloPipelining = 1,
    kEhloSize = 2,
    kEhloVrfy = 4,
    kEhloEtrn = 8,
    kEhloStarttls = 16,
    kEhloAuth = 32,
    kEhloEnhancedStatusCodes = 64,
    kEhlo8bitmime = 128,
    kEhloDsn = 256,
    kEhloSmtputf8 = 512,
    kEhloChunking = 1024,
    kEhloVerp = 2048,
    kEhloXclient = 4096,
    kEhloXforward = 8192,
    kEhloRequireTls = 16384,
    kEhloSilentDiscard = 1 << 16,
};

// The set that `text` names; words that are none are warned about.
[[nodiscard]] unsigned parse_ehlo_keywords(std::string_view text);
// "SIZE VRFY", in one order.
[[nodiscard]] std::string format_ehlo_keywords(unsigned keywords);

}  // namespace relais::smtp
