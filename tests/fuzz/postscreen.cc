// Fuzz target: what postscreen reads that others have written: entries of its cache, answers of
// dnsblog, and postscreen_dnsbl_sites.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/ipc/dnsblog.h"
#include "lib/ipc/tlsproxy.h"
#include "lib/ipc/tlsproxy_client.h"

#include "postscreen/dnsbl_sites.cc"   // NOLINT
#include "postscreen/test_results.cc"  // NOLINT

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace relais;
    using namespace relais::postscreen;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    constexpr TestSet kAll = kEarlyTests | kDeepTests;
    const auto entry = format_results(parse_results(bytes), kAll);
    if (format_results(parse_results(entry), kAll) != entry) {
        std::abort();
    }
    const auto list = parse_attributes(bytes);
    if (list.status == AttrParse::Status::kComplete) {
        (void)parse_tlsproxy_request(list.attributes);
        (void)parse_tlsproxy_client_list(list.attributes);
        (void)parse_dnsblog_request(list.attributes);
        if (const auto reply = parse_dnsblog_reply(list.attributes)) {
            const auto sites = parse_dnsbl_sites("a.test=127.0.[0..9].[1;3..9]*-7 a.test*3");
            (void)score_answer((*sites)[0], reply->addresses);
        }
    }
    if (const auto sites = parse_dnsbl_sites(bytes); sites && !sites->empty()) {
        (void)score_answer((*sites)[0], bytes);
    }
    return 0;
}
