#include "lib/sasl/old_password.h"

#include "lib/base/hex.h"
#include "lib/sasl/make_password.h"
#include "lib/sasl/password.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

std::string otp(std::string_view algorithm, std::string_view passphrase, std::string_view seed,
                std::uint32_t number) {
    auto key = otp_key(algorithm, seed, passphrase, number);
    return key ? hex_encode(*key) : "error";
}

}  // namespace

TEST_CASE("sasl/old_password: MD4, RFC 1320 A.5") {
    CHECK(hex_encode(md4("")) == "31d6cfe0d16ae931b73c59d7e0c089c0");
    CHECK(hex_encode(md4("abc")) == "a448017aaf21d8525fc10ae87aa6729d");
    CHECK(hex_encode(md4("12345678901234567890123456789012345678901234567890123456789012345678901"
                         "234567890")) == "e33b4ddc9c38f2199c3e7b164fcc0536");
}

TEST_CASE("sasl/old_password: one-time passwords, RFC 2289 appendix C") {
    CHECK(otp("md4", "This is a test.", "TeSt", 0) == "d1854218ebbb0b51");
    CHECK(otp("md4", "This is a test.", "TeSt", 99) == "c5e612776e6c237a");
    CHECK(otp("md5", "This is a test.", "TeSt", 0) == "9e876134d90499dd");
    CHECK(otp("md5", "AbCdEfGhIjK", "alpha1", 99) == "5aa37a81f212146c");
    CHECK(otp("sha1", "This is a test.", "TeSt", 0) == "bb9e6ae1979d8ff4");
    CHECK(otp("sha1", "This is a test.", "TeSt", 1) == "63d936639734385b");
    CHECK(otp("sha1", "This is a test.", "TeSt", 99) == "87fec7768b73ccf9");
    CHECK(otp("sha2", "x", "y", 0) == "error");
    CHECK(otp("sha1", "x", "y", 1000000) == "error");
}

TEST_CASE("sasl/old_password: in their stored forms") {
    CHECK(verify_password("This is a test.", "{OTP}sha1 99 TeSt 87fec7768b73ccf9") == true);
    CHECK(verify_password("this is a test.", "{OTP}sha1 99 TeSt 87fec7768b73ccf9") == false);
    CHECK(verify_password("abc", "{PLAIN-MD4}a448017aaf21d8525fc10ae87aa6729d") == true);
    CHECK(verify_password("abd", "{PLAIN-MD4}a448017aaf21d8525fc10ae87aa6729d") == false);
    CHECK(verify_password("password", "{PLAIN-TRUNC}4-pass") == true);
    CHECK(verify_password("pas", "{PLAIN-TRUNC}4-pass") == false);
    CHECK(verify_password("password", "{PLAIN-TRUNC}8-pass") == false);
    CHECK(verify_password("pass", "{PLAIN-TRUNC}8-pass") == true);
    for (const char* stored : {"{OTP}", "{OTP}sha1 x y z", "{OTP}sha1 999999999 a 00",
                               "{PLAIN-MD4}00", "{PLAIN-TRUNC}pass", "{PLAIN-TRUNC}-x"}) {
        INFO(stored);
        CHECK_FALSE(verify_password("pass", stored));
    }
    for (const char* scheme : {"OTP", "PLAIN-MD4"}) {
        auto made = make_password("secret", {scheme, "", 0});
        REQUIRE(made);
        CHECK(verify_password("secret", *made) == true);
    }
}
