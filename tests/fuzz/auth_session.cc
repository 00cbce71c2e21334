// Fuzz target: a whole conversation with the auth service, as smtpd and the login services have it:
// logins with every mechanism, requests for users.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

constexpr auto kLines = std::to_array<std::string_view>({
    "VERSION\t1\t1\n",
    "CPID\t7\n",
    "AUTH\t1\tPLAIN\tservice=smtp\tresp=AGJvYgBzZWNyZXQ=\n",
    "AUTH\t1\tPLAIN\tservice=imap\tnologin\n",
    "AUTH\t2\tLOGIN\tservice=imap\tlip=127.0.0.1\trip=::1\n",
    "AUTH\t3\tCRAM-MD5\tservice=pop3\tsecured\n",
    "AUTH\t4\tSCRAM-SHA-256\tservice=imap\tresp=biwsbj1ib2Iscj1hYmM=\n",
    "AUTH\t4\tSCRAM-SHA-256-PLUS\tservice=imap\ttls_exporter=AA==\tresp="
    "cD10bHMtZXhwb3J0ZXIsLG49Ym9iLHI9YWJj\n",
    "AUTH\t5\tDIGEST-MD5\tservice=smtp\n",
    "AUTH\t6\tOAUTHBEARER\tservice=imap\tresp=bixhPWJvYiwBYXV0aD1CZWFyZXIgeAEB\n",
    "AUTH\t7\tEXTERNAL\tservice=imap\tvalid-client-cert\tcert_username=bob\tresp==\n",
    "AUTH\t8\tANONYMOUS\tservice=imap\tresp=YQ==\n",
    "AUTH\t9\tGSSAPI\tservice=imap\tresp=YQ==\n",
    "CONT\t2\tYm9i\n",
    "CONT\t2\tc2VjcmV0\n",
    "CONT\t4\tYz1iaXdzLHI9YWJjLHA9QQ==\n",
    "CONT\t5\tdXNlcm5hbWU9ImJvYiIscmVhbG09IiIsbm9uY2U9IiI=\n",
    "CANCEL\t2\n",
    "REQUEST\t1\t7\t1\tcookie\n",
    "USER\t1\tbob\tservice=lmtp\tlip=127.0.0.1\n",
    "LIST\t1\n",
    "PASS\t1\tbob\n",
    "CACHE-FLUSH\t1\tbob\n",
});

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("");
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kLines, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse({reinterpret_cast<const char*>(data), size}, &fuzz::serve_auth);
    return 0;
}
