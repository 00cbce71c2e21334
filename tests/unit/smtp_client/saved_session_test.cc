// Labels and properties are those that Postfix 3.7.11's smtp(8) was seen to send to scache(8).
#include "smtp/saved_session.cc"  // NOLINT

#include <cerrno>
#include <memory>

#include <sys/socket.h>
#include <unistd.h>

#include "smtp/proxied_tls.cc"     // NOLINT
#include "smtp/reply_filter.cc"    // NOLINT
#include "smtp/session.cc"         // NOLINT
#include "smtp/session_labels.cc"  // NOLINT
#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp_client;

namespace {

Settings settings_of(const std::string& text) {
    set_conf(
        Config::from_text("inet_interfaces = 127.0.0.1\nmyhostname = mx.example.test\n" + text));
    Settings settings(conf(), "smtp");
    settings.service = "smtp";
    return settings;
}

const ServerPlace kPlace = {"mx.one.test", "127.206.163.91", 2525, TlsLevel::kNone};

UniqueFd any_socket() {
    return UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0));
}

Result<std::unique_ptr<Session>> restore(const Settings& settings, std::string destination,
                                         std::string endpoint) {
    KeptConnection kept;
    kept.destination = std::move(destination);
    kept.endpoint = std::move(endpoint);
    kept.fd = any_socket();
    return restore_session(settings, std::move(kept), {});
}

}  // namespace

TEST_CASE("smtp_client/session_labels: as Postfix has them") {
    const Settings plain = settings_of("");
    CHECK(destination_label(plain, {"", "one.test"}) == "smtp\none.test\n");
    CHECK(endpoint_label(plain, {"", "one.test"}, kPlace) == "smtp\n127.206.163.91\n2525\n0\n");
    const Settings known = settings_of("smtp_sasl_password_maps = inline:{a=b:c}\n");
    CHECK(endpoint_label(known, {"", "one.test"}, kPlace) ==
          "smtp\none.test\nmx.one.test\n127.206.163.91\n2525\n0\n");
    CHECK(destination_label(known, {"carol@example.test", "one.test"}) ==
          "smtp\ncarol@example.test\none.test\n");
    CHECK(endpoint_label(known, {"carol@example.test", "one.test"}, kPlace) ==
          "smtp\ncarol@example.test\none.test\nmx.one.test\n127.206.163.91\n2525\n0\n");
}

TEST_CASE("smtp_client/session_labels: what TLS may depend on is in the label") {
    const Settings plain = settings_of("");
    ServerPlace place = kPlace;
    place.level = TlsLevel::kEncrypt;
    CHECK(endpoint_label(plain, {"", "one.test"}, place) ==
          "smtp\none.test\nmx.one.test\n127.206.163.91\n2525\n2\n");
}

TEST_CASE("smtp_client/saved_session: what is saved is restored") {
    const Settings settings = settings_of("smtp_connection_reuse_time_limit = 300s\n");
    ServerAddress server;
    server.host = "mx.one.test";
    server.address = "127.206.163.91";
    Session session(any_socket(), server, 2525, settings);
    session.site = "one.test";
    session.best_mx = true;
    session.esmtp = true;
    session.logged_in = true;
    session.reuse_count = 7;
    session.pause_before_end = std::chrono::seconds(3);
    session.usable_until = Deadline::after(std::chrono::seconds(100));
    session.capabilities =
        smtp::Capabilities::parse("250-mx.one.test hello\n250-SIZE 1000\n250-DSN\n250 AUTH PLAIN");
    CHECK(destination_properties(session) ==
          "destination=one.test\nhost_name=mx.one.test\nhost_addr=127.206.163.91\n"
          "destination_features=4096\n\n");
    CHECK(endpoint_properties(session).starts_with(
        "tls_level=0\nreuse_count=7\nendpoint_features=1\nexpire_time="));
    auto again = restore(settings, destination_properties(session), endpoint_properties(session));
    REQUIRE(again);
    CHECK((*again)->name_with_port() == "mx.one.test[127.206.163.91]:2525");
    CHECK((*again)->site == "one.test");
    CHECK((*again)->best_mx);
    CHECK((*again)->esmtp);
    CHECK((*again)->logged_in);
    CHECK((*again)->reuse_count == 7);
    CHECK((*again)->pause_before_end == std::chrono::seconds(3));
    const auto left = (*again)->usable_until.remaining();
    CHECK(left > std::chrono::seconds(97));
    CHECK(left <= std::chrono::seconds(100));
    CHECK((*again)->capabilities.size_limit() == 1000);
    CHECK((*again)->capabilities.has("DSN"));
    CHECK((*again)->capabilities.arguments("AUTH") == "PLAIN");
    CHECK((*again)->capabilities.host() == "mx.one.test");
}

TEST_CASE("smtp_client/saved_session: TLS that is elsewhere goes along") {
    const Settings settings = settings_of("");
    ServerAddress server;
    server.host = "mx.one.test";
    server.address = "127.206.163.91";
    Session session(any_socket(), server, 2525, settings);
    session.tls_policy.level = TlsLevel::kSecure;
    session.tls.emplace();
    // This process's own TLS stays where it is.
    CHECK(endpoint_properties(session).ends_with("tls=\n\n"));
    TlsproxyContext context;
    context.protocol = "TLSv1.3";
    context.cipher = "TLS_AES_256_GCM_SHA384";
    context.level = static_cast<int>(TlsLevel::kSecure);
    context.status = 1 | 4 | 8 | 16;
    session.proxied_tls = format_tlsproxy_context(context);
    auto again = restore(settings, destination_properties(session), endpoint_properties(session));
    REQUIRE(again);
    REQUIRE((*again)->tls);
    CHECK((*again)->proxied_tls == session.proxied_tls);
    CHECK((*again)->tls_policy.reuse_connections);
    CHECK((*again)->tls->level == TlsLevel::kSecure);
    CHECK((*again)->tls->satisfied);
    CHECK((*again)->tls->trust == TlsTrust::kVerified);
    CHECK((*again)->tls->cipher == "TLS_AES_256_GCM_SHA384");
    context.status = 1 | 4;
    session.proxied_tls = format_tlsproxy_context(context);
    again = restore(settings, destination_properties(session), endpoint_properties(session));
    REQUIRE(again);
    CHECK_FALSE((*again)->tls->satisfied);
    CHECK((*again)->tls->trust == TlsTrust::kTrusted);
    session.proxied_tls = "nonsense";
    CHECK_FALSE(restore(settings, destination_properties(session), endpoint_properties(session)));
}

TEST_CASE("smtp_client/saved_session: nonsense is refused, and numbers are bounded") {
    const Settings settings = settings_of("smtp_connection_reuse_time_limit = 300s\n");
    const std::string destination =
        "destination=one.test\nhost_name=mx.one.test\nhost_addr=192.0.2.1\n"
        "destination_features=4096\n\n";
    const std::string start = "tls_level=9000\nreuse_count=4294967295\nendpoint_features=1\n";
    const std::string end =
        "port=25\nlogged_in=0\npause_before_end=4294967295\ncapabilities=\ntls=\n\n";
    CHECK_FALSE(restore(settings, "x", start + "expire_time=1\n" + end));
    CHECK_FALSE(restore(settings, destination, "y"));
    CHECK_FALSE(restore(settings, destination, ""));
    CHECK_FALSE(restore(settings, destination, start + "expire_time=1\n\n"));
    CHECK_FALSE(restore(settings, destination, start + "expire_time=never\n" + end));
    CHECK_FALSE(restore(settings, "destination=one.test\n\n", start + "expire_time=1\n" + end));
    auto late = restore(settings, destination, start + "expire_time=1\n" + end);
    REQUIRE(late);
    CHECK((*late)->usable_until.passed());
    auto endless =
        restore(settings, destination, start + "expire_time=9223372036854775807\n" + end);
    REQUIRE(endless);
    CHECK((*endless)->usable_until.remaining() <= std::chrono::seconds(300));
    CHECK((*endless)->reuse_count > 0);
    CHECK((*endless)->tls_policy.level == TlsLevel::kSecure);
    CHECK((*endless)->pause_before_end <= std::chrono::hours(1));
}
