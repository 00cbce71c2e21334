// What postscreen(8) asks dnsblog(8), one request for each connection, without an announcement:
// whether a DNS list knows a client's address.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/ipc/attr.h"

namespace relais {

struct DnsblogRequest {
    std::string domain;       // of the list
    std::string address;      // of the client, in print
    std::uint32_t label = 0;  // comes back in the reply
};

struct DnsblogReply {
    DnsblogRequest request;
    std::string addresses;  // blanks between them; empty: not listed
    std::int64_t ttl = -1;  // seconds for which the answer is good; -1: not known
};

[[nodiscard]] std::string format_dnsblog_request(const DnsblogRequest& request);
[[nodiscard]] Result<DnsblogRequest> parse_dnsblog_request(const Attributes& attributes);

[[nodiscard]] std::string format_dnsblog_reply(const DnsblogReply& reply);
[[nodiscard]] Result<DnsblogReply> parse_dnsblog_reply(const Attributes& attributes);

}  // namespace relais
