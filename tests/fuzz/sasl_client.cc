// What a server says in a login: challenges for the library's mechanisms, in the reply's form.  The
// first byte chooses the mechanism, each line is one reply's text.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/cyrus_client.h"
#include "lib/sasl/cyrus_library.h"

using namespace relais;

namespace {

constexpr std::array<const char*, 6> kMechanisms = {"PLAIN",      "LOGIN",       "CRAM-MD5",
                                                    "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"};

void must(bool good) {
    if (!good) {
        std::abort();
    }
}

// An answer is one whole line of the protocol for the login that was asked about.
void check_answer(const std::string& answer) {
    must(answer.ends_with('\n') && answer.find('\n') == answer.size() - 1);
    const auto fields = parse_auth_line(answer.substr(0, answer.size() - 1));
    must(fields.size() >= 2 && (fields[0] == "CONT" || fields[0] == "FAIL") && fields[1] == "7");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const bool ready = cyrus_client_open("").has_value();
    if (!ready || size == 0) {
        return 0;
    }
    CyrusLogin login;
    login.service = "smtp";
    login.host = "mx.example.test";
    login.mechanisms = kMechanisms.at(data[0] % kMechanisms.size());
    login.user = "joe";
    login.password = "secret";
    std::vector<std::string> fields = login.fields();
    fields.insert(fields.begin(), {"AUTH", "7"});
    const auto conversation = cyrus_client_conversation();
    check_answer(conversation->answer(fields));
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    for (const std::string_view line : split_fields(text, '\n')) {
        if (!conversation->is_busy()) {
            break;
        }
        check_answer(conversation->answer({"CONT", "7", std::string(sasl_challenge(line))}));
    }
    return 0;
}
