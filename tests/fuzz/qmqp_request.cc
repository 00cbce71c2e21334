// Fuzz target: QMQP requests.  However a request is cut into pieces, what is read is the same.
#include <cstdint>
#include <cstdlib>

#include "services/qmqpd/request.cc"  // NOLINT: a program's sources are in no archive

using relais::qmqpd::Request;
using relais::qmqpd::RequestState;

static Request read(std::string_view bytes, std::size_t step) {
    Request request(1000);
    while (!bytes.empty() && request.state() == RequestState::kIncomplete) {
        const std::string_view piece = bytes.substr(0, step);
        const std::size_t taken = request.take(piece);
        if (taken > piece.size() ||
            (taken < piece.size() && request.state() == RequestState::kIncomplete)) {
            std::abort();
        }
        bytes.remove_prefix(taken);
    }
    return request;
}

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Request whole = read(bytes, size);
    const Request pieces = read(bytes, 1);
    if (whole.state() != pieces.state() || whole.message != pieces.message ||
        whole.sender != pieces.sender || whole.recipients != pieces.recipients ||
        whole.message.size() > 1000) {
        std::abort();
    }
    (void)relais::qmqpd::verp_sender(whole.sender);
    return 0;
}
