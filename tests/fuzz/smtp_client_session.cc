// Fuzz target: what a server can answer while a message is delivered to it, from its greeting to
// QUIT: the lmtp client over a UNIX-domain socket, which shares all of its code with the smtp
// client.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/deliver/delivery.h"
#include "lib/queue/record.h"

#include "smtp/client.h"
#include "smtp/courier.h"
#include "smtp/destination.h"
#include "smtp/session.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

constexpr auto kReplies = std::to_array<std::string_view>({
    "220 server.test ready\r\n",
    "250-server.test\r\n250-PIPELINING\r\n250-SIZE "
    "1000000\r\n250-8BITMIME\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
    "250-AUTH PLAIN\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n250 SMTPUTF8\r\n",
    "250 2.1.0 Ok\r\n",
    "250-2.1.5 first\r\n250 2.1.5 second\r\n",
    "354 go on\r\n",
    "550 5.1.1 unknown\r\n",
    "452 4.2.2 full\r\n",
    "421 4.3.2 closing\r\n",
    "221 2.0.0 bye\r\n",
});

std::string_view answers;  // of the server

Task<void> serve_as_server(UniqueFd fd) {
    return fuzz::talk(std::move(fd), answers);
}

struct Message {
    std::string file;
    DeliveryRequest request;
};

// As cleanup would have written it, and what qmgr would ask for it.
Message make_message() {
    Message made;
    append_record(made.file, Rec::kContent, "");
    made.request.data_offset = static_cast<std::int64_t>(made.file.size());
    for (std::string_view line : {"Subject: x", "", ".dot", "text \xc3\xa4"}) {
        append_record(made.file, Rec::kLine, line);
    }
    append_record(made.file, Rec::kExtracted, "");
    made.request.data_size = static_cast<std::int64_t>(made.file.size()) - made.request.data_offset;
    append_record(made.file, Rec::kEnd, "");
    made.request.queue_name = "active";
    made.request.queue_id = "4ABC";
    made.request.nexthop = "unix:server";
    made.request.encoding = "8bit";
    made.request.sender = "ann@example.org";
    made.request.rewrite_context = "remote";
    for (std::string_view address : {"bob@mail.test", "\"a b\"@mail.test"}) {
        Recipient recipient;
        recipient.address = address;
        recipient.offset = -1;
        made.request.recipients.push_back(recipient);
    }
    return made;
}

Task<void> deliver(smtp_client::Client* client, const Message* message) {
    auto file = open_file(fuzz::put("message", message->file), O_RDWR);
    if (!file) {
        std::abort();
    }
    Delivery delivery(message->request, std::move(*file));
    smtp_client::Courier courier(client, &delivery);
    co_await courier.run();
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure(
        "myhostname = mail.test\nlmtp_tls_security_level = none\nlmtp_send_xforward_command = yes\n"
        "lmtp_connection_cache_on_demand = no\n");
    fuzz::offer("server", &serve_as_server);
    fuzz::offer("private/bounce", &fuzz::serve_bounce);
    fuzz::offer("private/defer", &fuzz::serve_bounce);
    fuzz::offer("private/trace", &fuzz::serve_bounce);
    fuzz::offer("public/flush", &fuzz::serve_flush);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kReplies, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto* const client = new smtp_client::Client("lmtp");
    static const Message message = make_message();
    answers = {reinterpret_cast<const char*>(data), size};
    (void)smtp_client::parse_destination(answers, client->settings);
    Loop::current().run_task(deliver(client, &message));
    return 0;
}
