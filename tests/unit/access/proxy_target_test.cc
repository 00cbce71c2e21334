#include "lib/access/proxy_target.h"

#include "lib/access/backend_login.h"
#include "lib/base/base64.h"
#include "lib/config/config.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

AuthParameters fields(const std::vector<std::string>& words) {
    return AuthParameters(words, 0);
}

// "user@host:port tls", or what is wrong.
std::string read(const std::vector<std::string>& words) {
    set_conf(Config::from_text("login_proxy_timeout = 7s\n"));
    auto target = proxy_target(fields(words), "bob", {143, 993});
    if (!target) {
        return target.error().message;
    }
    using Tls = ProxyTarget::Tls;
    std::string tls = target->tls == Tls::kNone           ? ""
                      : target->tls == Tls::kFromTheStart ? " ssl"
                                                          : " starttls";
    bool any = target->certificate == ProxyTarget::Certificate::kAny;
    return target->user + "@" + target->address.to_string() + tls + (any ? " any" : "");
}

}  // namespace

TEST_CASE("access/proxy target: where to") {
    CHECK(read({"proxy", "host=192.0.2.1"}) == "bob@192.0.2.1:143");
    CHECK(read({"proxy", "host=192.0.2.1", "ssl=yes"}) == "bob@192.0.2.1:993 ssl");
    CHECK(read({"proxy", "host=192.0.2.1", "ssl=any-cert"}) == "bob@192.0.2.1:993 ssl any");
    CHECK(read({"proxy", "host=192.0.2.1", "starttls"}) == "bob@192.0.2.1:143 starttls");
    CHECK(read({"proxy", "host=192.0.2.1", "ssl=no", "port=1143"}) == "bob@192.0.2.1:1143");
    CHECK(read({"proxy", "host=mx.test", "hostip=2001:db8::1"}) == "bob@[2001:db8::1]:143");
    CHECK(read({"proxy", "host=192.0.2.1", "destuser=b@x"}) == "b@x@192.0.2.1:143");
}

TEST_CASE("access/proxy target: what makes no sense") {
    CHECK(read({"proxy"}) == "host is not given");
    CHECK(read({"proxy", "host=mx.test"}) == "host mx.test has no address");
    CHECK(read({"proxy", "host=mx.test", "hostip="}) == "host mx.test has no address");
    CHECK(read({"proxy", "host=192.0.2.1", "port=0"}) == "port = 0 makes no sense");
    CHECK(read({"proxy", "host=192.0.2.1", "port=65536"}) == "port = 65536 makes no sense");
    CHECK(read({"proxy", "host=192.0.2.1", "ssl=maybe"}) == "ssl = maybe makes no sense");
    CHECK(read({"proxy", "host=192.0.2.1", "proxy_timeout=5d"}) ==
          "proxy_timeout = 5d makes no sense");
}

TEST_CASE("access/proxy target: patience") {
    set_conf(Config::from_text("login_proxy_timeout = 7s\n"));
    auto patience = [](const std::string& text) {
        return proxy_target(fields({"proxy", "host=192.0.2.1", "proxy_timeout=" + text}), "bob",
                            {143, 993})
            .value()
            .timeout.count();
    };
    CHECK(patience("5") == 5000);
    CHECK(patience("5 secs") == 5000);
    CHECK(patience("1500 ms") == 1500);
    CHECK(proxy_target(fields({"proxy", "host=192.0.2.1"}), "bob", {143, 993})->timeout.count() ==
          7000);
}

TEST_CASE("access/proxy target: proof") {
    ProxyTarget target;
    target.user = "bob";
    CHECK_FALSE(backend_proof(target));  // no password
    target.password = "pw";
    CHECK(sends_password_alone(target));
    CHECK(base64_decode(backend_proof(target)->response) == std::string("\0bob\0pw", 7));
    target.master = "boss";
    CHECK_FALSE(sends_password_alone(target));
    CHECK(base64_decode(backend_proof(target)->response) == std::string("bob\0boss\0pw", 11));
    target.mechanism = "XOAUTH2";
    CHECK(base64_decode(backend_proof(target)->response) == "user=bob\1auth=Bearer pw\1\1");
    target.mechanism = "EXTERNAL";
    CHECK(base64_decode(backend_proof(target)->response) == "bob");
    target.mechanism = "SCRAM-SHA-1";
    CHECK_FALSE(backend_proof(target));
    target = {};
    target.user = "bob";
    target.password = "p\r\nA1 DELETE INBOX";
    CHECK_FALSE(sends_password_alone(target));
    target.password = "p\xc3\xa4";
    CHECK_FALSE(sends_password_alone(target));
}
