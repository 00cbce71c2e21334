// Fuzz target: a QMQP session of qmqpd, from the netstring to the answer.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "services/qmqpd/session.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

qmqpd::Site& site() {
    static auto* const shared =
        new qmqpd::Site{{"qmqpd_authorized_clients", "127.0.0.1", MatchList::Kind::kNetwork},
                        std::make_unique<Resolver>()};
    return *shared;
}

Task<void> serve(UniqueFd fd) {
    qmqpd::Session session(site(), std::move(fd));
    co_await session.run();
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("myhostname = mail.test\nqmqpd_error_delay = 0\nmessage_size_limit = 100000\n");
    fuzz::offer("public/cleanup", &fuzz::serve_cleanup);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse({reinterpret_cast<const char*>(data), size}, &serve);
    return 0;
}
