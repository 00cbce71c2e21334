// Fuzz target: a POP3 session after login, over a Maildir.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "imapd/pop3/session.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/mail_user.h"

using namespace relais;

namespace {

constexpr std::array<std::string_view, 14> kCommands = {
    "CAPA\r\n",   "STAT\r\n",    "LIST\r\n",   "LIST 2\r\n", "UIDL\r\n", "UIDL 1\r\n", "RETR 1\r\n",
    "RETR 3\r\n", "TOP 2 1\r\n", "DELE 1\r\n", "RSET\r\n",   "NOOP\r\n", "LAST\r\n",   "QUIT\r\n",
};

Task<void> serve(User* user, Stream* stream, SessionStart start) {
    Pop3Session session(*user, *stream);
    co_await session.run(std::move(start));
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("pop3_enable_last = yes\npop3_save_uidl = yes\npop3_lock_session = yes\n");
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kCommands, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse_with_mail({reinterpret_cast<const char*>(data), size}, &serve);
    return 0;
}
