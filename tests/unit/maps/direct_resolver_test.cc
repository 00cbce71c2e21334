// Resolving without trivial-rewrite: the same answers as its own, and none where it has to be
// asked.
#include "lib/rules/direct_resolver.h"

#include <filesystem>
#include <fstream>

#include "lib/config/config.h"
#include "lib/maps/inline_task.h"

#include "tests/support/catch.h"
#include "tests/unit/maps/scratch.h"

using namespace relais;

namespace {

constexpr std::string_view kMain =
    "compatibility_level = 3.6\nmyhostname = mx.example.test\nmydomain = example.test\n"
    "mydestination = mx.example.test, localhost\ninet_interfaces = loopback-only\n"
    "virtual_alias_domains = alias.test\nvirtual_mailbox_domains = mbox.test\n"
    "relay_domains = relay.test\nrecipient_delimiter = +\n"
    "transport_maps = inline:{{e.test=error:5.1.2 no}, fu@full.test=f2:x}\n";
constexpr std::string_view kMaster = "rewrite unix - - n - - trivial-rewrite\n";

// A configuration's directory, and conf() from it.
class Setup {
  public:
    explicit Setup(std::string_view more = "", std::string_view master = kMaster,
                   std::vector<std::string> options = {}) {
        write("main.cf", std::string(kMain) + std::string(more));
        write("master.cf", master);
        auto config = Config::load({.directory = scratch_.file(""),
                                    .process_name = "smtpd",
                                    .service_name = "smtp",
                                    .settings = std::move(options)});
        REQUIRE(config);
        set_conf(std::move(*config));
    }

    void write(const std::string& name, std::string_view text) const {
        std::ofstream(scratch_.file(name)) << text;
    }

    std::string path(const std::string& name) const { return scratch_.file(name); }

  private:
    Scratch scratch_;
};

std::unique_ptr<DirectResolver> make() {
    return DirectResolver::make(DirectResolver::Lifetime::kEndless);
}

std::string line(const Resolved& r) {
    return r.transport + " " + r.nexthop + " " + r.recipient + " " + std::to_string(r.flags);
}

}  // namespace

TEST_CASE("maps/direct resolver: answers as trivial-rewrite would") {
    Setup setup;
    auto direct = make();
    REQUIRE(direct);
    ResolverLists lists;
    AddressResolver resolver(&lists, ResolveFor::kDelivery);
    for (std::string address :
         {"u@mx.example.test", "U@MX.Example.Test", "u@alias.test", "u@mbox.test", "u+x@relay.test",
          "u@sub.relay.test", "u@other.test", "u@e.test", "fu+x@full.test", "-u@other.test"}) {
        INFO(address);
        auto known = direct->resolve("s@sender.test", address);
        REQUIRE(known);
        CHECK(line(*known) == line(run_inline(resolver.resolve("s@sender.test", address))));
    }
    // By hand, so that both cannot be wrong in the same way.
    CHECK(line(*direct->resolve("", "u@relay.test")) == "relay relay.test u@relay.test 2048");
}

TEST_CASE("maps/direct resolver: what is left to trivial-rewrite") {
    Setup setup("virtual_mailbox_domains = mbox.test, alias.test\n");
    auto direct = make();
    REQUIRE(direct);
    for (std::string address : {"u", "u%b@mx.example.test", "b!u@mx.example.test", "\"a b\"@c.test",
                                "a@b@c.test", "u@c.test.", "u@[127.0.0.1]", ""}) {
        INFO(address);
        CHECK_FALSE(direct->resolve("", address));
    }
    // It has to warn of a domain of two classes.
    CHECK_FALSE(direct->resolve("", "u@alias.test"));
    CHECK(direct->resolve("", "u@mbox.test"));
}

TEST_CASE("maps/direct resolver: only where it asks what trivial-rewrite asks") {
    const std::string_view with_option = "rewrite unix - - n - - trivial-rewrite -o relayhost=x\n";
    CHECK_FALSE((Setup("", with_option), make()));
    CHECK_FALSE((Setup("", "rewrite unix - - n - - other\n"), make()));
    CHECK_FALSE((Setup("", "rewrite2 unix - - n - - trivial-rewrite\n"), make()));
    CHECK_FALSE((Setup("", kMaster, {"relayhost=[x]"}), make()));
    CHECK_FALSE((Setup("relayhost = $service_name\n"), make()));
    CHECK((Setup("", kMaster, {"smtpd_client_restrictions=permit"}), make()));
    // Tables that wait, that speak when they are opened, or that are not there.
    for (std::string_view table : {"tcp:127.0.0.1:1", "regexp:/etc/x", "hash:/nowhere/x",
                                   "proxy:hash:/etc/x", "fail:x", "/etc/domains"}) {
        INFO(table);
        CHECK_FALSE((Setup("relay_domains = a.test, " + std::string(table) + "\n"), make()));
    }
}

TEST_CASE("maps/direct resolver: a configuration that changes") {
    Setup setup;
    auto direct = make();
    REQUIRE(direct);
    std::filesystem::last_write_time(
        setup.path("main.cf"),
        std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
    CHECK_FALSE(direct->resolve("", "u@relay.test"));
    // A process that ends from time to time does as trivial-rewrite does: it reads at its start.
    auto bounded = DirectResolver::make(DirectResolver::Lifetime::kBounded);
    std::filesystem::remove(setup.path("main.cf"));
    CHECK(bounded->resolve("", "u@relay.test"));
}
