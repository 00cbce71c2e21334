#include <algorithm>

#include "lib/ipc/dnsblog.h"
#include "lib/ipc/tlsproxy.h"
#include "lib/ipc/tlsproxy_client.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

// As on the wire, with "|" for each NUL.
std::string wire(std::string text) {
    std::ranges::replace(text, '|', '\0');
    return text;
}

}  // namespace

TEST_CASE("ipc/dnsblog: lists as Postfix's postscreen and dnsblog send them") {
    const auto question = wire("rbl_domain|bl.test|client_address|127.0.0.7|label|3|");
    CHECK(format_dnsblog_request({"bl.test", "127.0.0.7", 3}) == question + wire("|"));
    auto parsed = parse_dnsblog_request(parse_attributes(question + wire("|")).attributes);
    REQUIRE(parsed);
    CHECK(parsed->label == 3);
    const auto reply = question + wire("rbl_addr|127.0.0.2|ttl|4294967295||");
    CHECK(format_dnsblog_reply({*parsed, "127.0.0.2", -1}) == reply);
    auto back = parse_dnsblog_reply(parse_attributes(reply).attributes);
    REQUIRE(back);
    CHECK(back->addresses == "127.0.0.2");
    CHECK(back->ttl == -1);
    CHECK(back->request.domain == "bl.test");
    CHECK_FALSE(parse_dnsblog_reply(parse_attributes(question + wire("|")).attributes));
}

TEST_CASE("ipc/tlsproxy: the request") {
    TlsproxyRequest request{"[192.0.2.1]:5", kTlsproxyServer, std::chrono::seconds(300),
                            std::chrono::seconds(200), "smtpd"};
    const auto bytes = format_tlsproxy_request(request);
    CHECK(bytes == wire("remote_endpoint|[192.0.2.1]:5|flags|1|timeout|300|timeout|200|"
                        "serverid|smtpd||"));
    auto parsed = parse_tlsproxy_request(parse_attributes(bytes).attributes);
    REQUIRE(parsed);
    CHECK(parsed->session_timeout == std::chrono::seconds(200));
    CHECK_FALSE(parse_tlsproxy_request({{"flags", "1"}}));
}

TEST_CASE("ipc/tlsproxy: the list of Postfix 3.7's SMTP client") {
    const Attributes sent = {{"config_file", "default"},
                             {"config_name", ""},
                             {"tls_high_cipherlist", "HIGH"},
                             {"tls_medium_cipherlist", "MEDIUM"},
                             {"tls_low_cipherlist", "LOW"},
                             {"tls_export_cipherlist", "EXPORT"},
                             {"tls_null_cipherlist", "eNULL"},
                             {"tls_eecdh_auto_curves", "X25519"},
                             {"tls_eecdh_strong_curve", "prime256v1"},
                             {"tls_eecdh_ultra_curve", "secp384r1"},
                             {"tls_disable_workarounds", ""},
                             {"tls_ssl_options", ""},
                             {"tls_dane_digests", "sha512 sha256"},
                             {"tlsmgr_service_name", "tlsmgr"},
                             {"tls_session_ticket_cipher", "aes-256-cbc"},
                             {"tls_daemon_random_bytes", "32"},
                             {"tls_append_default_CA", "0"},
                             {"tls_legacy_public_key_fingerprints", "0"},
                             {"tls_preempt_cipherlist", "0"},
                             {"tls_wildcard_matches_multiple_labels", "1"},
                             {"log_param", "smtp_tls_loglevel"},
                             {"log_level", "1"},
                             {"verifydepth", "9"},
                             {"cache_type", "smtp"},
                             {"chain_files", ""},
                             {"cert_file", ""},
                             {"key_file", ""},
                             {"dcert_file", ""},
                             {"dkey_file", ""},
                             {"eccert_file", ""},
                             {"eckey_file", ""},
                             {"CAfile", "ca.pem"},
                             {"CApath", ""},
                             {"mdalg", "sha256"},
                             {"timeout", "300"},
                             {"tls_level", "8"},
                             {"nexthop", "kept.test"},
                             {"host", "mx.kept.test"},
                             {"namaddr", "mx.kept.test[192.0.2.1]:25"},
                             {"sni", ""},
                             {"serverid", "smtp&kept.test"},
                             {"helo", "sink.test"},
                             {"protocols", ">=TLSv1"},
                             {"cipher_grade", "medium"},
                             {"cipher_exclusions", "aNULL"},
                             {"argv_size", "2"},
                             {"argv_value", "a.test"},
                             {"argv_value", "b.test"},
                             {"mdalg", "sha256"},
                             {"dane", "0"}};
    auto list = parse_tlsproxy_client_list(sent);
    REQUIRE(list);
    CHECK(list->null_ciphers == "eNULL");
    CHECK(list->many_wildcard_labels);
    CHECK(list->ca_file == "ca.pem");
    CHECK(list->level == 8);
    CHECK(list->match == std::vector<std::string>{"a.test", "b.test"});
    CHECK_FALSE(list->dane);
    list->cache_type = "smtp";
    list->nexthop = "kept.test";
    list->host = "mx.kept.test";
    list->helo = "sink.test";
    const auto config =
        Config::from_text("tls_low_cipherlist = LOW\ntls_export_cipherlist = EXPORT\n");
    CHECK(parse_attributes(format_tlsproxy_client_list(config, *list)).attributes == sent);
    list->dane = true;
    list->dane_domain = "mx.kept.test";
    list->dane_records = {{2, 0, 2, std::string(64, '\0')}, {3, 1, 1, "x"}};
    const auto with_dane = parse_attributes(format_tlsproxy_client_list(config, *list)).attributes;
    const Attributes last(with_dane.end() - 10, with_dane.end());
    CHECK(last[0] == std::pair<std::string, std::string>("domain", "mx.kept.test"));
    CHECK(last[1] == std::pair<std::string, std::string>("count", "2"));
    CHECK(last[6] == std::pair<std::string, std::string>("usage", "3"));
    CHECK(last[8] == std::pair<std::string, std::string>("mtype", "1"));
    CHECK(last[9] == std::pair<std::string, std::string>("data", "eA=="));
    const auto dane = parse_tlsproxy_client_list(with_dane);
    REQUIRE(dane);
    REQUIRE(dane->dane_records.size() == 2);
    CHECK(dane->dane_records[0].data == std::string(64, '\0'));
    CHECK(dane->dane_records[1].selector == 1);
    CHECK_FALSE(parse_tlsproxy_client_list(Attributes(with_dane.begin(), with_dane.end() - 1)));
    for (std::size_t size = 0; size < sent.size(); ++size) {
        const Attributes torn(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK_FALSE(parse_tlsproxy_client_list(torn));
    }
}

TEST_CASE("ipc/tlsproxy: what a handshake came to") {
    TlsproxyContext context;
    context.peer_cn = "mx.example.test";
    context.level = 2;
    context.status = 5;
    context.cipher_bits = 256;
    context.server_signature = {"RSA-PSS", "", "SHA256", 2048};
    context.peer = "mx.example.test[192.0.2.1]:25";
    const auto text = format_tlsproxy_context(context);
    const auto sent = parse_attributes(text).attributes;
    const auto read = parse_tlsproxy_context(sent);
    REQUIRE(read);
    CHECK(format_tlsproxy_context(*read) == text);
    for (std::size_t size = 0; size < sent.size(); ++size) {
        const Attributes torn(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(size));
        CHECK_FALSE(parse_tlsproxy_context(torn));
    }
}
