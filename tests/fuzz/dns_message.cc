// Fuzz target: answers of a name server, and names as they are asked for.
#include "lib/dns/dns_message.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace relais;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto message = parse_dns_message(bytes)) {
        // A record takes eleven bytes at least.
        if (message->answers.size() > size / 11) {
            std::abort();
        }
    }
    if (const auto query = build_dns_query(bytes, DnsType::kMx, DnsValidation::kWanted)) {
        const auto echoed = parse_dns_message(*query);
        if (echoed && !echoed->answers.empty()) {
            std::abort();  // a query has no answers
        }
    }
    return 0;
}
