// The sources of a program are in no archive: the test includes the units themselves.
#include <map>
#include <set>

#include "lib/base/known_ports.h"
#include "lib/event/loop.h"

#include "smtp/destination.cc"  // NOLINT
#include "smtp/server_list.cc"  // NOLINT
#include "smtp/settings.cc"     // NOLINT
#include "smtp/trouble.cc"      // NOLINT
#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp_client;

namespace {

Settings make_settings(const std::string& text, const std::string& prefix = "smtp") {
    set_conf(
        Config::from_text("inet_interfaces = 127.0.0.1\nmyhostname = mx.example.test\n" + text));
    CHECK(set_known_ports(conf().known_tcp_ports()).empty());  // there may be no /etc/services
    return {conf(), prefix};
}

ServerAddress server(const std::string& address, int preference) {
    ServerAddress one;
    one.host = "mx" + std::to_string(preference) + ".test";
    one.address = address;
    one.preference = preference;
    return one;
}

std::vector<std::string> addresses(const std::vector<ServerAddress>& servers) {
    std::vector<std::string> list;
    for (const ServerAddress& one : servers) {
        list.push_back(one.address);
    }
    return list;
}

using Addresses = std::vector<std::string>;

}  // namespace

TEST_CASE("smtp_client/destination: hosts, ports, brackets") {
    Settings settings = make_settings("smtp_tcp_port = smtp\n");
    auto parse = [&](std::string_view text) { return parse_destination(text, settings); };
    auto plain = parse("example.com");
    REQUIRE(plain);
    CHECK(plain->host == "example.com");
    CHECK(plain->port == 25);
    CHECK(plain->use_mx);
    auto bracketed = parse("[mx.example.com]:587");
    REQUIRE(bracketed);
    CHECK(bracketed->host == "mx.example.com");
    CHECK(bracketed->port == 587);
    CHECK_FALSE(bracketed->use_mx);
    CHECK(parse("[2001:db8::1]:submission")->host == "2001:db8::1");
    CHECK(parse("[IPv6:2001:db8::1]")->host == "2001:db8::1");
    CHECK(parse("[2001:db8::1]:submission")->port == 587);
    CHECK(parse("bücher.example")->host == "xn--bcher-kva.example");
    CHECK_FALSE(parse("example.com:0"));
    CHECK_FALSE(parse("example.com:70000"));
    CHECK_FALSE(parse("example.com:no-such-service"));
    CHECK(split_nexthop("a.test, [b.test]:26", Protocol::kSmtp) ==
          Addresses{"a.test", "[b.test]:26"});
}

TEST_CASE("smtp_client/destination: lmtp knows sockets and no MX records") {
    Settings settings = make_settings("", "lmtp");
    CHECK(settings.protocol == Protocol::kLmtp);
    CHECK(parse_destination("unix:/run/lmtp", settings)->unix_path == "/run/lmtp");
    CHECK(parse_destination("unix:private/lmtp", settings)->text == "private/lmtp");
    CHECK(split_nexthop("unix:/a, b", Protocol::kLmtp) == Addresses{"unix:/a, b"});
    CHECK(split_nexthop("inet:a.test, [b.test]:26", Protocol::kLmtp) ==
          Addresses{"a.test", "[b.test]:26"});
    auto inet = parse_destination("store.test:24", settings);
    REQUIRE(inet);
    CHECK(inet->port == 24);
    CHECK_FALSE(inet->use_mx);
}

TEST_CASE("smtp_client/servers: by preference, equals in the order of the wanted family") {
    Settings settings = make_settings(
        "smtp_randomize_addresses = no\nsmtp_address_preference = ipv6\n"
        "smtp_balance_inet_protocols = no\n");
    std::vector<ServerAddress> servers = {server("192.0.2.1", 20), server("192.0.2.2", 10),
                                          server("2001:db8::2", 10), server("192.0.2.3", 10)};
    arrange(servers, settings);
    CHECK(addresses(servers) == Addresses{"2001:db8::2", "192.0.2.2", "192.0.2.3", "192.0.2.1"});
    settings.address_preference = AddressPreference::kIpv4;
    arrange(servers, settings);
    CHECK(addresses(servers) == Addresses{"192.0.2.2", "192.0.2.3", "2001:db8::2", "192.0.2.1"});
}

TEST_CASE("smtp_client/servers: both families are among those that will be tried") {
    Settings settings = make_settings(
        "smtp_randomize_addresses = no\nsmtp_address_preference = ipv6\n"
        "smtp_mx_address_limit = 2\ninet_protocols = all\n");
    std::vector<ServerAddress> servers = {server("2001:db8::1", 10), server("2001:db8::2", 10),
                                          server("2001:db8::3", 10), server("192.0.2.1", 10)};
    arrange(servers, settings);
    CHECK(addresses(servers) ==
          Addresses{"2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"});
}

TEST_CASE("smtp_client/servers: equals are shuffled") {
    Settings settings = make_settings("smtp_randomize_addresses = yes\n");
    std::set<std::string> first;
    for (int i = 0; i < 200 && first.size() < 3; ++i) {
        std::vector<ServerAddress> servers = {server("192.0.2.1", 10), server("192.0.2.2", 10),
                                              server("192.0.2.3", 10), server("192.0.2.4", 20)};
        arrange(servers, settings);
        first.insert(servers.front().address);
        CHECK(servers.back().address == "192.0.2.4");
    }
    CHECK(first.size() == 3);
}

TEST_CASE("smtp_client/servers: this machine, and whatever is no better, is left out") {
    Settings settings = make_settings("");
    auto drop = [&](std::vector<ServerAddress> servers, int best_mx) {
        ServerList list;
        list.loop_detection = true;
        list.servers = std::move(servers);
        drop_self(list, settings, "example.com", best_mx);
        return list;
    };
    ServerList backup =
        drop({server("192.0.2.1", 10), server("127.0.0.1", 20), server("192.0.2.3", 20)}, 10);
    CHECK(addresses(backup.servers) == Addresses{"192.0.2.1"});
    ServerList loop = drop({server("127.0.0.1", 10), server("192.0.2.3", 20)}, 10);
    CHECK(loop.servers.empty());
    CHECK(loop.loops);
    CHECK(loop.why.status == "5.4.6");
    CHECK(loop.why.reason == "mail for example.com loops back to myself");
    ServerList hidden = drop({server("127.0.0.1", 20)}, 10);
    CHECK_FALSE(hidden.loops);
    CHECK(hidden.why.status == "4.4.4");
    CHECK(hidden.why.reason == "unable to find primary relay for example.com");
    ServerList other = drop({server("192.0.2.1", 10)}, 10);
    CHECK(other.servers.size() == 1);
}

TEST_CASE("SRV records by priority, and by chance where it is the same") {
    auto record = [](std::uint16_t priority, std::uint16_t weight, std::string target) {
        DnsRecord srv;
        srv.type = DnsType::kSrv;
        srv.preference = priority;
        srv.weight = weight;
        srv.text = std::move(target);
        return srv;
    };
    CHECK(order_of_trying({}).empty());
    std::map<std::string, int> first;
    for (int round = 0; round < 1000; ++round) {
        auto order = order_of_trying({record(20, 100, "last"), record(10, 10, "some"),
                                      record(10, 30, "most"), record(10, 0, "none")});
        REQUIRE(order.size() == 4);
        CHECK(order.back().text == "last");
        std::set<std::string> names;
        for (const DnsRecord& one : order) {
            names.insert(one.text);
        }
        CHECK(names.size() == 4);
        ++first[order.front().text];
    }
    // RFC 2782: in proportion to the weight; five standard deviations are 69.
    CHECK(std::abs(first["most"] - 750) < 70);
    CHECK(first["none"] < 10);
}
