// Fuzz target: what tcp:, socketmap: and memcache: servers answer.
#include "lib/maps/table_replies.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/query_template.h"

namespace {

using namespace relais;

void check(bool holds) {
    if (!holds) {
        log_panic("a reply was understood wrongly");
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto line : split_fields(text, '\n')) {
        (void)parse_tcp_reply(line);
        check(parse_memcache_header(line, 10240).size <= 10240);
        if (auto query = QueryTemplate::parse(line, "x")) {
            (void)query->expand("user@sub.example");
            (void)query->expand(line);
        }
    }
    check(unquote_hex(quote_hex(text)) == text);
    std::string_view rest = text;
    for (;;) {
        const auto reply = parse_netstring(rest, 100'000);
        if (reply.state != Netstring::State::kWhole) {
            break;
        }
        check(reply.length <= rest.size() && reply.content.size() < reply.length);
        (void)parse_socketmap_reply(reply.content);
        rest.remove_prefix(reply.length);
    }
    (void)parse_socketmap_reply(text);
    return 0;
}
