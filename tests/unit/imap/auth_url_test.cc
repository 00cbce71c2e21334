// URLs with authorization (RFC 4467, RFC 5092 6.1) and the times in them (RFC 3339).
#include "lib/imap/auth_url.h"

#include "tests/support/catch.h"

using namespace relais::imap;

TEST_CASE("imap/auth url: the examples of RFC 5092") {
    auto url = parse_auth_url(
        "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:"
        "91354a473744909de610943775f92038");
    REQUIRE(url);
    CHECK(url->user == "joe");
    CHECK(url->host == "example.com");
    CHECK(url->message.mailbox == "INBOX");
    CHECK(url->message.uid == 20);
    CHECK(url->access == AuthUrl::Access::kSubmit);
    CHECK(url->access_user == "fred");
    CHECK(url->rump == "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred");
    CHECK(url->mechanism == "internal");
    CHECK(url->token == "91354a473744909de610943775f92038");
    auto rump = parse_auth_url(
        "IMAP://a%40b;AUTH=*@h:143/x%2Fy;UIDVALIDITY=5/;UID=1/;PARTIAL=0.9;EXPIRE=1970-01-01T00:01:"
        "00Z;URLAUTH=anonymous");
    REQUIRE(rump);
    CHECK(rump->user == "a@b");
    CHECK(rump->host == "h");
    CHECK(rump->expires == 60);
    CHECK(rump->message.partial->count == 9);
    CHECK(rump->token.empty());
    for (const char* bad :
         {"", "imap://", "imap://joe@h/INBOX/;uid=1", "imap://h/INBOX/;uid=1;urlauth=anonymous",
          "imap://joe@h/INBOX;urlauth=anonymous", "imap://joe@h/INBOX/;uid=1;urlauth=",
          "imap://joe@h/INBOX/;uid=1;urlauth=user+", "imap://joe@h/INBOX/;uid=1;urlauth=authuser+x",
          "imap://joe@h/INBOX/;uid=1;urlauth=anonymous:",
          "imap://joe@h/INBOX/;uid=1;urlauth=anonymous:internal",
          "imap://joe@h/INBOX/;uid=1;urlauth=anonymous:internal:123",
          "imap://joe@h/INBOX/;uid=1;urlauth=anonymous:internal:0123456x",
          "imap://joe@h/INBOX/;uid=1;expire=soon;urlauth=anonymous",
          "imap://joe%00@h/INBOX/;uid=1;urlauth=anonymous"}) {
        INFO(bad);
        CHECK_FALSE(parse_auth_url(bad));
    }
}

TEST_CASE("imap/auth url: times") {
    CHECK(parse_timestamp("1985-04-12T23:20:50.52Z") == 482196050);
    CHECK(parse_timestamp("1996-12-19T16:39:57-08:00") == parse_timestamp("1996-12-20T00:39:57Z"));
    CHECK(parse_timestamp("1970-01-01t01:00:00+01:00") == 0);
    for (const char* bad :
         {"", "1985", "1985-02-30T00:00:00Z", "1985-04-12T24:00:00Z", "1985-04-12T23:60:00Z",
          "1985-04-12T23:20:50", "1985-04-12T23:20:50.Z", "1985-04-12T23:20:50Zx",
          "1985-04-12 23:20:50Z", "1985-04-12T23:20:50+1", "85-04-12T23:20:50Z"}) {
        INFO(bad);
        CHECK_FALSE(parse_timestamp(bad));
    }
}
