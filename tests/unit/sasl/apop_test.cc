// APOP as pop3-login hands it to auth.
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/sasl/auth_server.h"
#include "lib/sasl/password.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string request(const std::string& challenge, const std::string& user,
                    const std::string& digest) {
    std::string response = challenge + '\0' + user + '\0' + digest;
    return "AUTH\t1\tAPOP\tservice=pop3\tresp=" + base64_encode(response);
}

}  // namespace

// The example of RFC 1939 7.
TEST_CASE("sasl/apop: the digest is that of challenge and password") {
    constexpr std::string_view kChallenge = "<1896.697170952@dbc.mtview.ca.us>";
    auto digest = hex_decode("c4c9334bac560ecc979e58001b3e22fb");
    REQUIRE(digest);
    CHECK(verify_response("APOP", kChallenge, *digest, "{PLAIN}tanstaaf").value());
    CHECK(verify_response("APOP", kChallenge, *digest, "tanstaaf", "PLAIN").value());
    CHECK(verify_response("APOP", kChallenge, *digest, "{PLAIN.b64}dGFuc3RhYWY=").value());
    CHECK_FALSE(verify_response("APOP", kChallenge, *digest, "{PLAIN}tanstaafl").value());
    CHECK_FALSE(verify_response("APOP", "<x@y>", *digest, "{PLAIN}tanstaaf").value());
    CHECK_FALSE(verify_response("APOP", kChallenge, "", "{PLAIN}tanstaaf").value());
    CHECK_FALSE(verify_response("APOP", kChallenge, *digest, "{CRYPT}$6$x$y"));
    CHECK_FALSE(verify_response("APOP", kChallenge, *digest, "tanstaaf"));
}

TEST_CASE("sasl/apop: hexadecimal digits") {
    CHECK(hex_decode("00fFaB") == std::string("\0\xff\xab", 3));
    CHECK(hex_decode("") == "");
    CHECK_FALSE(hex_decode("0"));
    CHECK_FALSE(hex_decode("0g"));
}

TEST_CASE("sasl/apop: only a challenge that was made for this connection counts") {
    AuthServerSession session({"PLAIN", "APOP"}, 171);
    CHECK(session.greeting().contains("\nMECH\tAPOP\tdictionary\tactive\tprivate\n"));
    std::string own = format("<{:x}.ab.65.x@h>", ::getpid());
    auto step = session.line(request(own, "bob", std::string(16, 'd')));
    REQUIRE(step.check);
    CHECK(step.check->credentials.user == "bob");
    CHECK(step.check->credentials.challenge == own);
    CHECK(step.check->credentials.digest == std::string(16, 'd'));
    for (const std::string& old :
         {format("<{:x}.ab.65.x@h>", ::getpid() + 1), format("<{:x}.ac.65.x@h>", ::getpid()),
          std::string("<x>"), std::string()}) {
        auto refused = session.line(request(old, "bob", std::string(16, 'd')));
        CHECK_FALSE(refused.check);
        CHECK(refused.output.starts_with("FAIL\t1\t"));
    }
    CHECK_FALSE(session.line(request(own, "", std::string(16, 'd'))).check);
    CHECK_FALSE(session.line(request(own, "bob", std::string(15, 'd'))).check);
    CHECK_FALSE(session.line("AUTH\t1\tAPOP\tservice=pop3\tresp=").check);
    CHECK_FALSE(session.line("AUTH\t1\tAPOP\tservice=pop3").check);
}
