// Fuzz target: what tcp:, socketmap: and memcache: servers answer, and the templates of keys.
#include "lib/maps/servers/table_replies.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/databases/key_template.h"
#include "lib/maps/databases/ldap_quote.h"

namespace {

using namespace relais;

void check(bool holds) {
    if (!holds) {
        log_panic("a reply was understood wrongly");
    }
}

void expand(std::string_view text) {
    KeyTemplates templates("fuzz", "fuzz:x");
    std::string result;
    for (auto use : {KeyTemplates::Use::kQuery, KeyTemplates::Use::kResult}) {
        if (!templates.inspect(text, use)) {
            return;
        }
    }
    for (auto key : {std::string_view("user@sub.example"), text}) {
        (void)templates.query(text, key, quote_nothing);
        (void)templates.query(text, key, quote_ldap_filter);
        (void)templates.add_result(text, key, "user@example", result);
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto line : split_fields(text, '\n')) {
        (void)parse_tcp_reply(line);
        check(parse_memcache_header(line, 10240).size <= 10240);
        expand(line);
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
