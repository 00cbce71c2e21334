// The client's side of logins, with the library's mechanisms.
#include "lib/sasl/cyrus_client.h"

#include "lib/base/base64.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/cyrus_library.h"
#include "lib/sasl/password.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

using Lines = std::vector<std::string>;

std::vector<std::string> start_of(std::string mechanisms, unsigned security = 0) {
    CyrusLogin login;
    login.service = "smtp";
    login.host = "postoffice.example.net";
    login.security = security;
    login.mechanisms = std::move(mechanisms);
    login.user = "tim";
    login.password = "tanstaaftanstaaf";
    auto fields = login.fields();
    fields.insert(fields.begin(), {"AUTH", "3"});
    return fields;
}

bool has(const char* mechanism) {
    static const bool opened = cyrus_client_open("").has_value();
    return opened && cyrus_client_conversation()->answer(start_of(mechanism)).starts_with("CONT");
}

}  // namespace

TEST_CASE("sasl/client: what a server asks stands behind the code") {
    CHECK(sasl_challenge("334 VXNlcm5hbWU6") == "VXNlcm5hbWU6");
    CHECK(sasl_challenge("334").empty());
    CHECK(sasl_challenge("").empty());
    CHECK(sasl_challenge("334 ").empty());
    CHECK(sasl_challenge("334  x") == " x");
    CHECK(sasl_challenge("334-a\n334 b") == "a\n334 b");
}

TEST_CASE("sasl/client: CRAM-MD5 as in RFC 2195, PLAIN as in RFC 4616, LOGIN") {
    if (!has("CRAM-MD5") || !has("PLAIN") || !has("LOGIN")) {
        WARN("the plug-ins of Cyrus SASL are not here");
        return;
    }
    const auto cram = cyrus_client_conversation();
    CHECK(cram->answer(start_of("CRAM-MD5")) == "CONT\t3\tCRAM-MD5\n");
    CHECK(cram->is_busy());
    const auto challenge = base64_encode("<1896.697170952@postoffice.reston.mci.net>");
    CHECK(cram->answer({"CONT", "3", challenge}) ==
          "CONT\t3\t" + base64_encode("tim b913a602c7eda7a495b4e6e7334d3890") + "\n");
    CHECK(cram->answer({"CONT", "4", challenge}).empty());  // another's
    CHECK(cram->answer({"CONT", "3", "!!!"}).starts_with("FAIL\t3\treason="));
    CHECK_FALSE(cram->is_busy());

    const auto plain = cyrus_client_conversation();
    const std::string response("\0tim\0tanstaaftanstaaf", 21);
    CHECK(plain->answer(start_of("PLAIN NOSUCH")) ==
          "CONT\t3\tPLAIN " + base64_encode(response) + "\n");
    CHECK(plain->answer({"CANCEL", "3"}).empty());
    CHECK_FALSE(plain->is_busy());

    const auto login = cyrus_client_conversation();
    CHECK(login->answer(start_of("LOGIN")) == "CONT\t3\tLOGIN\n");
    CHECK(login->answer({"CONT", "3", base64_encode("User Name")}) ==
          "CONT\t3\t" + base64_encode("tim") + "\n");
    CHECK(login->answer({"CONT", "3", base64_encode("Password")}) ==
          "CONT\t3\t" + base64_encode("tanstaaftanstaaf") + "\n");
}

TEST_CASE("sasl/client: nothing that the administrator forbids") {
    if (!has("PLAIN")) {
        WARN("the plug-ins of Cyrus SASL are not here");
        return;
    }
    const auto conversation = cyrus_client_conversation();
    CHECK(conversation->answer(start_of("PLAIN", SaslSecurity::kNoPlaintext)) ==
          "FAIL\t3\treason=no mechanism available\n");
    CHECK(conversation->answer(start_of("")) == "FAIL\t3\treason=no mechanism available\n");
    CHECK(conversation->answer({"AUTH", "3"}).empty());
    CHECK(conversation->answer({"x"}).empty());
    CHECK_FALSE(conversation->is_busy());
}

TEST_CASE("sasl/password: the digest in Postfix's table of refused logins") {
    CHECK(sha1_of_password("secret") == "5en6G6MezRroT3XKqkdPOmY/BfQ=");
}
