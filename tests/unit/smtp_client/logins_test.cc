// What tables say about logins.
#include "smtp/logins.cc"  // NOLINT

#include "smtp/refused_logins.cc"  // NOLINT
#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp_client;

TEST_CASE("smtp_client/logins: name and password") {
    CHECK(parse_credentials("joe:secret", ':').user == "joe");
    CHECK(parse_credentials("joe:secret", ':').password == "secret");
    CHECK(parse_credentials("joe:se:cr:et", ':').password == "se:cr:et");
    CHECK(parse_credentials("joe", ':').user == "joe");
    CHECK(parse_credentials("joe", ':').password.empty());
    CHECK(parse_credentials(":x", ':').user.empty());
    CHECK(parse_credentials("a:b|c:d", '|').user == "a:b");
    CHECK(parse_credentials("a:b|c:d", '|').password == "c:d");
}

TEST_CASE("smtp_client/refused_logins: entries as Postfix writes them") {
    const auto entry =
        parse_refused_login("1764459000;5en6G6MezRroT3XKqkdPOmY/BfQ=;5.7.8;535 5.7.8 no;really");
    REQUIRE(entry);
    CHECK(entry->time == 1764459000);
    CHECK(entry->password == "5en6G6MezRroT3XKqkdPOmY/BfQ=");
    CHECK(entry->dsn == "5.7.8");
    CHECK(entry->text == "535 5.7.8 no;really");
    for (const char* bad :
         {"", "x", "1;2", "1;2;3", "x;a;5.7.8;text", ";a;5.7.8;text", "1;a;;text"}) {
        CHECK_FALSE(parse_refused_login(bad));
    }
}
