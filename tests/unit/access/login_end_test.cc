#include "lib/access/login_end.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kOrigin = "rip=192.0.2.1, lip=192.0.2.9, TLS";

}  // namespace

// The wording is that of Dovecot 2.3.19.
TEST_CASE("access/login end: what a connection has come to", "[unit]") {
    LoginEnd end;
    CHECK(end.text(3s, kOrigin) ==
          "Disconnected: Connection closed (no auth attempts in 3 secs): user=<>, "
          "rip=192.0.2.1, lip=192.0.2.9, TLS");
    end.begin_exchange("PLAIN");
    CHECK(end.text(4s, kOrigin) ==
          "Disconnected: Connection closed (client didn't finish SASL auth, waited 4 secs): "
          "user=<>, method=PLAIN, rip=192.0.2.1, lip=192.0.2.9, TLS");
    end.end_exchange();
    end.note_guess("PLAIN", "bob");
    end.note_guess("CRAM-MD5", "b>o(b)");
    end.because("Aborted login by logging out");
    end.because("Shutting down");
    CHECK(end.text(5s, kOrigin) ==
          "Disconnected: Aborted login by logging out (auth failed, 2 attempts in 5 secs): "
          "user=<b?o?b?>, method=CRAM-MD5, rip=192.0.2.1, lip=192.0.2.9, TLS");
    end.be_silent();
    CHECK_FALSE(end.text(5s, kOrigin));
}

TEST_CASE("access/login end: a password in the clear", "[unit]") {
    LoginEnd end;
    end.note_disallowed();
    CHECK(end.text(0s, "rip=192.0.2.1, lip=192.0.2.9") ==
          "Disconnected: Connection closed (tried to use disallowed plaintext auth): user=<>, "
          "rip=192.0.2.1, lip=192.0.2.9");
}
