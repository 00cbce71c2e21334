// Fuzz target: PROXY headers, of which every torn beginning must be waited for.
#include "lib/smtp/proxy_header.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using relais::smtp::parse_proxy_header;
    using State = relais::smtp::ProxyHeader::State;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto header = parse_proxy_header(bytes);
    if (header.state != State::kComplete) {
        return 0;
    }
    if (header.size > size || header.size > relais::smtp::kLongestProxyHeader) {
        std::abort();
    }
    (void)header.client.to_string();
    (void)header.server.to_string();
    for (std::size_t length = 0; length < header.size; ++length) {
        if (parse_proxy_header(bytes.substr(0, length)).state != State::kIncomplete) {
            std::abort();
        }
    }
    return 0;
}
