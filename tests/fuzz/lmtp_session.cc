// Fuzz target: an LMTP session of lmtpd.  Recipients are found; what is delivered to them meets a
// worker that may not write, so that every message ends with a reply for each of them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "imapd/lmtpd/session.h"
#include "imapd/lmtpd/site.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

constexpr auto kCommands = std::to_array<std::string_view>({
    "LHLO client.test\r\n",
    "MAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME SMTPUTF8\r\n",
    "MAIL FROM:<>\r\n",
    "RCPT TO:<bob@mail.test> ORCPT=rfc822;bob+2Btag@mail.test NOTIFY=NEVER\r\n",
    "RCPT TO:<bob+detail@mail.test>\r\n",
    "RCPT TO:<\"a b\"@mail.test>\r\n",
    "RCPT TO:<nobody@mail.test>\r\n",
    "DATA\r\n",
    "Subject: x\r\n",
    "..dot\r\n",
    ".\r\n",
    "BDAT 5\r\n",
    "hello\r\n",
    "BDAT 0 LAST\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY bob\r\n",
    "STARTTLS\r\n",
    "XCLIENT ADDR=192.0.2.1 PORT=25 HELO=h LOGIN=bob TTL=4\r\n",
    "QUIT\r\n",
});

lmtpd::Site& site() {
    static auto* const shared = new lmtpd::Site;
    return *shared;
}

Task<void> serve(UniqueFd fd) {
    Stream stream(std::move(fd));
    lmtpd::Session session(site(), stream);
    co_await session.run();
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("myhostname = mail.test\ndata_directory = " + fuzz::scratch() +
                    "\nmessage_size_limit = 20000\n"
                    "lmtpd_tls_security_level = none\nrecipient_delimiter = +\n");
    site();  // which forks, and must before services wait in the event loop
    fuzz::offer("private/auth", &fuzz::serve_auth);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kCommands, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse({reinterpret_cast<const char*>(data), size}, &serve);
    return 0;
}
