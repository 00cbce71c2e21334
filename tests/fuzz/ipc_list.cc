// Fuzz target: attribute lists of internal services, alone, as a delivery request and as an order
// of lmtpd.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <sys/socket.h>

#include "lib/access/delivery_order.h"
#include "lib/base/file.h"
#include "lib/event/loop.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/delivery_request.h"
#include "lib/ipc/session_register.h"

namespace {

using namespace relais;

// What was understood, written again, is understood the same.
void check_round_trip(const Attributes& attributes) {
    AttrWriter writer;
    for (const auto& [name, value] : attributes) {
        writer.string(name, value);
    }
    writer.end();
    const auto again = parse_attributes(writer.bytes());
    if (again.status != AttrParse::Status::kComplete || again.attributes != attributes) {
        std::abort();
    }
}

bool is_plain(const Attributes& attributes) {
    for (const auto& [name, value] : attributes) {
        if (name.empty() || name == "{" || name == "}" || value == "{") {
            return false;
        }
    }
    return true;
}

void check_list(std::string_view bytes, AttrEncoding encoding) {
    const auto list = parse_attributes(bytes, encoding);
    if (list.status != AttrParse::Status::kComplete) {
        return;
    }
    if (list.length == 0 || list.length > bytes.size()) {
        std::abort();
    }
    if (encoding == AttrEncoding::kNul && is_plain(list.attributes)) {
        check_round_trip(list.attributes);
    }
}

template <class Message>
using ReadMessage = Task<Result<Message>> (*)(Stream* stream);

// What a peer says who sends these bytes and hangs up.
template <class Message>
void read_message(std::string_view bytes, ReadMessage<Message> read) {
    int ends[2];
    if (bytes.size() > 60000 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) {
        return;
    }
    UniqueFd ours(ends[0]);
    {
        UniqueFd peer(ends[1]);
        if (::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
            return;
        }
    }
    Stream stream(std::move(ours));
    try {
        (void)Loop::current().run_task(read(&stream));
    } catch (const std::exception&) {  // the end of a conversation
    }
}

Task<Result<Attributes>> read_any_list(Stream* stream) {
    return read_attributes(stream, AttrEncoding::kPlain, 1000);
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_list(bytes, AttrEncoding::kNul);
    check_list(bytes, AttrEncoding::kPlain);
    read_message<DeliveryRequest>(bytes,
                                  [](Stream* stream) { return read_delivery_request(stream); });
    read_message<DeliveryReply>(bytes, [](Stream* stream) { return read_delivery_reply(stream); });
    read_message<SessionRequest>(bytes,
                                 [](Stream* stream) { return read_session_request(stream); });
    read_message<Attributes>(bytes, &read_any_list);
    if (auto order = DeliveryOrder::parse(bytes); order) {
        auto again = DeliveryOrder::parse(order->serialize());
        if (!again || again->recipients.size() != order->recipients.size()) {
            std::abort();
        }
    }
    (void)DeliveryAnswer::parse(bytes);
    return 0;
}
