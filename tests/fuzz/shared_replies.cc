// Fuzz target: what memcached and Redis answer (login_shared_server).
#include "lib/ipc/shared_replies.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/base/log.h"

namespace {

using namespace relais;

void check(bool holds) {
    if (!holds) {
        log_panic("a reply was understood wrongly");
    }
}

void read_all(SharedProtocol protocol, std::string_view bytes) {
    while (!bytes.empty()) {
        SharedReply reply = parse_shared_reply(protocol, bytes);
        if (reply.state != SharedReply::State::kComplete) {
            return;
        }
        check(reply.size > 0 && reply.size <= bytes.size());
        check(!reply.data || reply.data->size() <= kLongestSharedValue);
        // Whatever was cut off is not enough.
        SharedReply less = parse_shared_reply(protocol, bytes.substr(0, reply.size - 1));
        check(less.state == SharedReply::State::kIncomplete);
        bytes.remove_prefix(reply.size);
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    read_all(SharedProtocol::kMemcache, bytes);
    read_all(SharedProtocol::kRedis, bytes);
    return 0;
}
