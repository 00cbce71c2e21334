// Fuzz target: replies as an SMTP client reads them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/smtp/capabilities.h"
#include "lib/smtp/reply.h"

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace relais::smtp;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    ReplyParser parser(1000);
    for (const auto line : relais::split_fields(text, '\n')) {
        if (parser.line(line)) {
            const auto reply = parser.take();
            (void)reply.one_line();
            (void)Capabilities::parse(reply.text).size_limit();
        }
    }
    (void)split_reply(text);
    (void)soften_reply(text);
    (void)format_reply(text);
    return 0;
}
