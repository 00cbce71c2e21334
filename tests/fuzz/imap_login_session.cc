// Fuzz target: an IMAP session before login.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "imapd/imap-login/session.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/login.h"

using namespace relais;

namespace {

constexpr auto kCommands = std::to_array<std::string_view>({
    "a CAPABILITY\r\n",
    "a LOGIN bob secret\r\n",
    "a LOGIN {3+}\r\n",
    "bob {6+}\r\n",
    "wrongs\r\n",
    "a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=\r\n",
    "a AUTHENTICATE PLAIN =\r\n",
    "a AUTHENTICATE LOGIN\r\n",
    "Ym9i\r\n",
    "a AUTHENTICATE SCRAM-SHA-1 biwsbj1ib2Iscj1hYmM=\r\n",
    "a AUTHENTICATE CRAM-MD5\r\n",
    "*\r\n",
    "a ID (\"name\" \"x\" \"x-originating-ip\" \"192.0.2.1\" \"x-proxy-ttl\" \"4\")\r\n",
    "a ID NIL\r\n",
    "a STARTTLS\r\n",
    "a NOOP\r\n",
    "a LOGOUT\r\n",
});

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::prepare_logins();
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kCommands, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse_before_login<ImapLoginSession>({reinterpret_cast<const char*>(data), size},
                                                  "imap");
    return 0;
}
