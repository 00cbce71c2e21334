// Fuzz target: what a mail filter sends: packets, options, changes, replies.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/milter/protocol.h"

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace relais::milter;
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (;;) {
        const auto parse = take_packet(bytes);
        if (parse.status != PacketParse::Status::kPacket) {
            break;
        }
        (void)parse_options(parse.packet.data, {});
        (void)parse_edit(parse.packet);
        if (const auto reply = parse_reply(parse.packet.data)) {
            // What goes to a client is a refusal, and one reply.
            const bool refusal = reply->starts_with('4') || reply->starts_with('5');
            if (!refusal || reply->ends_with('\n') || reply->contains('\0')) {
                std::abort();
            }
        }
        bytes.remove_prefix(parse.used);
    }
    return 0;
}
