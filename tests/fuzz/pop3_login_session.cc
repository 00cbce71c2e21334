// Fuzz target: a POP3 session before login.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "imapd/pop3-login/session.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/login.h"

using namespace relais;

namespace {

constexpr auto kCommands = std::to_array<std::string_view>({
    "CAPA\r\n",
    "USER bob\r\n",
    "PASS secret\r\n",
    "PASS wrong\r\n",
    "APOP bob 00112233445566778899aabbccddeeff\r\n",
    "AUTH\r\n",
    "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n",
    "AUTH PLAIN =\r\n",
    "AUTH LOGIN\r\n",
    "Ym9i\r\n",
    "AUTH SCRAM-SHA-256 biwsbj1ib2Iscj1hYmM=\r\n",
    "*\r\n",
    "XCLIENT ADDR=192.0.2.1 PORT=1 SESSION=x TTL=3 FORWARD=YQ==\r\n",
    "STLS\r\n",
    "QUIT\r\n",
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
    fuzz::converse_before_login<Pop3LoginSession>({reinterpret_cast<const char*>(data), size},
                                                  "pop3");
    return 0;
}
