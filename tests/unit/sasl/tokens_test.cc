#include "lib/base/json.h"
#include "lib/sasl/bearer_client.h"
#include "lib/sasl/gs2_header.h"
#include "lib/sasl/jwt.h"
#include "lib/sasl/mechanism.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// RFC 7515 A.1
constexpr std::string_view kToken =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    "."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr std::string_view kKey =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==";

}  // namespace

TEST_CASE("sasl/jwt: the example of RFC 7515", "[unit]") {
    auto token = Jwt::parse(kToken);
    REQUIRE(token);
    CHECK(token->algorithm == "HS256");
    CHECK(token->claims.get("iss") == "joe");
    CHECK(token->claims.get("http://example.com/is_root") == "true");
    CHECK(token->verify(kKey));
    CHECK(token->verify("c2VjcmV0").error().code == Errc::kDenied);
    CHECK(token->verify("").error().code == Errc::kSyntax);
    CHECK(token->check_time(1300819379));
    CHECK_FALSE(token->check_time(1300819380));
}

TEST_CASE("sasl/jwt: what is none", "[unit]") {
    std::string long_one(20000, 'a');
    for (std::string_view text :
         {std::string_view(""), std::string_view("a.b.c"), std::string_view(".."), kToken.substr(1),
          std::string_view(long_one), std::string_view("eyJhbGciOiJub25lIn0.e30.")}) {
        CHECK_FALSE(Jwt::parse(text));
    }
}

TEST_CASE("base/json: objects", "[unit]") {
    auto object = parse_json_object(
        R"( {"a":"x\"\u00e9\ud83d\ude00","b":[1,"two",true,null],"c":{"d":[{}]},"e":-1.5e3, "f":[]} )");
    REQUIRE(object);
    REQUIRE(object->size() == 5);
    CHECK((*object)[0].values == std::vector<std::string>{"x\"é😀"});
    CHECK((*object)[1].values == std::vector<std::string>{"1", "two", "true"});
    CHECK((*object)[2].values.empty());
    CHECK((*object)[3].values == std::vector<std::string>{"-1.5e3"});
    for (std::string_view text :
         {"", "[]", "{", "{}x", R"({"a"})", R"({"a":})", R"({"a":"\ud800"})", R"({"a":tru})",
          R"({"a":"x)", R"({"a":1,})", R"({a:1})"}) {
        CHECK_FALSE(parse_json_object(text));
    }
    CHECK_FALSE(parse_json_object(R"({"a":)" + std::string(100000, '[')));
}

TEST_CASE("sasl/gs2: headers", "[unit]") {
    auto header = parse_gs2_header("p=tls-exporter,a=a=2Cb=3Dc,n=x");
    REQUIRE(header);
    CHECK(header->flag == 'p');
    CHECK(header->binding == "tls-exporter");
    CHECK(header->authorization == "a,b=c");
    CHECK(header->length == 27);
    for (std::string_view text :
         {"", "n", "n,", "x,,", "p=,,", "p,,", "n,b=x,", "n,a=,", "n,a==,", "nn,,"}) {
        CHECK_FALSE(parse_gs2_header(text));
    }
}

TEST_CASE("sasl/bearer: the example of RFC 7628", "[unit]") {
    auto made = bearer_response("OAUTHBEARER", "user@example.com",
                                "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "server.example.com");
    REQUIRE(made);
    auto step = SaslMechanism::make("oauthbearer")->step(*made);
    CHECK(step.kind == SaslStep::Kind::kCredentials);
    CHECK(step.credentials.user == "user@example.com");
    CHECK(step.credentials.password == "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
    CHECK_FALSE(bearer_response("XOAUTH2", "a\1b", "x", "h"));
    CHECK_FALSE(bearer_response("XOAUTH2", "a", "", "h"));
}
