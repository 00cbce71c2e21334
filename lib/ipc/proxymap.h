// The protocol of proxymap(8) and proxywrite(8): lookups in tables that those processes hold open.
#pragma once

#include <cstdint>
#include <string_view>

namespace relais {

inline constexpr std::string_view kProxymapProtocol = "proxymap_protocol";

enum class ProxyStatus : int {
    kOk = 0,
    kNoKey = 1,   // not found
    kRetry = 2,   // the table cannot answer now
    kBad = 3,     // malformed request
    kDenied = 4,  // the table is not in proxy_read_maps or proxy_write_maps
    kConfig = 5,  // the table or its data is unusable
};

}  // namespace relais
