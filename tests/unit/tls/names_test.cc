#include <openssl/ssl.h>

#include "lib/tls/tls_info.h"
#include "lib/tls/tls_names.h"
#include "lib/tls/tls_protocols.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("tls/names: a certificate's name against the wanted one") {
    auto matches = [](std::string_view presented, std::string_view wanted) {
        return tls_name_matches(presented, wanted, WildcardLabels::kMany);
    };
    CHECK(matches("mx.example.com", "MX.Example.com"));
    CHECK(matches("mx.example.com", "mx.example.com."));
    CHECK_FALSE(matches("mx.example.com", "example.com"));
    CHECK(matches("*.example.com", "mx.example.com"));
    CHECK(matches("*.example.com", "a.b.example.com"));
    CHECK_FALSE(matches("*.example.com", "example.com"));
    CHECK_FALSE(matches("*.com", "example.com"));
    CHECK_FALSE(matches("*", "example.com"));
    CHECK(matches("mx.example.com", ".example.com"));
    CHECK(matches("*.example.com", ".example.com"));
    CHECK_FALSE(matches("example.com", ".example.com"));
    CHECK_FALSE(matches("", "example.com"));
    CHECK_FALSE(tls_name_matches("*.example.com", "a.b.example.com", WildcardLabels::kOne));
    CHECK(tls_name_matches("*.example.com", "b.example.com", WildcardLabels::kOne));
}

TEST_CASE("tls/names: smtp_tls_secure_cert_match and its kin") {
    auto patterns = tls_match_patterns("nexthop, dot-nexthop:hostname x.test", "mx.test", "test");
    CHECK(patterns == std::vector<std::string>{"test", ".test", "mx.test", "x.test"});
}

TEST_CASE("tls/protocols: bounds, exclusions, lists") {
    auto set = parse_tls_protocols(">=TLSv1.2, !SSLv3");
    REQUIRE(set);
    CHECK(set->lowest == TLS1_2_VERSION);
    CHECK(set->highest == 0);
    CHECK(tls_exclusion_options(*set) == SSL_OP_NO_SSLv3);

    set = parse_tls_protocols("TLSv1.2:tlsv1.3");
    REQUIRE(set);
    CHECK(tls_exclusion_options(*set) == (SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1));

    set = parse_tls_protocols("!SSLv2 !SSLv3 <=0x0303");
    REQUIRE(set);
    CHECK(set->highest == TLS1_2_VERSION);

    CHECK(parse_tls_protocols("") == TlsProtocolSet{});
    CHECK_FALSE(parse_tls_protocols(">=TLSv9"));
    CHECK_FALSE(parse_tls_protocols("TLSv1.2 nonsense"));
}

TEST_CASE("tls/ciphers: grades and exclusions") {
    TlsCipherLists lists;
    CHECK(*tls_cipher_list(lists, "High", "aNULL, 3DES+SHA") == lists.high + ":!aNULL:!3DES+SHA");
    CHECK(*tls_cipher_list(lists, "export", "") == lists.medium);
    CHECK_FALSE(tls_cipher_list(lists, "best", ""));
    CHECK_FALSE(tls_cipher_list(lists, "high", "!RC4"));
}

TEST_CASE("tls/options: words and numbers") {
    CHECK(parse_ssl_options("no_ticket, 0x1") == (SSL_OP_NO_TICKET | 1U));
    CHECK(parse_ssl_options("no_such_thing NO_TICKET") == SSL_OP_NO_TICKET);
    CHECK(parse_tls_level("Secure") == TlsLevel::kSecure);
    CHECK_FALSE(parse_tls_level("strong"));
    CHECK(parse_tls_loglevel("1") == TlsLogLevel::kRoutine);
    CHECK_FALSE(parse_tls_loglevel("7"));
}

TEST_CASE("tls/info: the words of log lines and Received headers") {
    // Taken from a log and a header of Postfix 3.7.11.
    TlsInfo info;
    info.protocol = "TLSv1.3";
    info.cipher = "TLS_AES_256_GCM_SHA384";
    info.cipher_bits = info.cipher_bits_used = 256;
    info.key_exchange.name = "X25519";
    info.server_signature = {"RSA-PSS", "", 2048, "SHA256"};
    CHECK(tls_description(info) ==
          "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 "
          "server-signature RSA-PSS (2048 bits) server-digest SHA256");
    CHECK(tls_received_lines(info, ClientCertificateAsked::kNo) ==
          "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
          "\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\n"
          "\t(No client certificate requested)\n");
}
