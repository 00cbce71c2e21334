#include "lib/dns/resolver.h"

#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"
#include "lib/dns/host_lookup.h"
#include "lib/event/task_group.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

// A DNS server on loopback with fixed answers, on a thread of its own.
class Server {
  public:
    Server() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        port_ = SocketAddress::local_of(fd_.get())->port();
        thread_ = std::thread([this] { run(); });
    }

    ~Server() {
        stop_ = true;
        thread_.join();
    }

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  private:
    static std::string name(std::string_view text) {
        std::string bytes;
        if (!text.empty() && text != ".") {
            for (std::string_view label : split_fields(text, '.')) {
                bytes += static_cast<char>(label.size());
                bytes += label;
            }
        }
        return bytes + '\0';
    }

    struct Answer {
        int type;
        std::string owner;
        std::string data;
    };

    // Question "name/type" to rcode and answers.
    struct Scripted {
        int rcode = 0;
        std::vector<Answer> answers;
    };

    std::map<std::string, Scripted> zone_ = {
        {"example.com/15",
         {0,
          {{15, "example.com", std::string("\0\x14", 2) + name("mx2.example.com")},
           {15, "example.com", std::string("\0\x0a", 2) + name("mx1.example.com")}}}},
        {"null.example/15", {0, {{15, "null.example", std::string("\0\0\0", 3)}}}},
        {"broken.example/15",
         {0, {{15, "broken.example", std::string("\0\1", 2) + name("not valid")}}}},
        {"mx1.example.com/1", {0, {{1, "mx1.example.com", std::string("\x7f\0\0\2", 4)}}}},
        {"mx1.example.com/28", {0, {}}},
        {"alias.example/1",
         {0,
          {{5, "alias.example", name("mid.example")},
           {5, "mid.example", name("mx1.example.com")}}}},
        {"loop.example/1", {0, {{5, "loop.example", name("loop2.example")}}}},
        {"loop2.example/1", {0, {{5, "loop2.example", name("loop.example")}}}},
        {"fails.example/1", {2, {}}},
        {"2.0.0.127.in-addr.arpa/12",
         {0, {{12, "2.0.0.127.in-addr.arpa", name("mx1.example.com")}}}},
        {"3.0.0.127.in-addr.arpa/12",
         {0, {{12, "3.0.0.127.in-addr.arpa", name("mx1.example.com")}}}},
        {"4.0.0.127.in-addr.arpa/12", {0, {{12, "4.0.0.127.in-addr.arpa", name("10.0.0.1")}}}},
        {"5.0.0.127.in-addr.arpa/12", {2, {}}},
        {"6.0.0.127.in-addr.arpa/12", {0, {{12, "6.0.0.127.in-addr.arpa", name("fails.example")}}}},
        {"7.0.0.127.in-addr.arpa/12", {0, {{12, "7.0.0.127.in-addr.arpa", name("gone.example")}}}},
    };

    void run() {
        std::array<char, 2000> buffer{};
        while (!stop_) {
            pollfd wait{fd_.get(), POLLIN, 0};
            if (::poll(&wait, 1, 20) <= 0) {
                continue;
            }
            sockaddr_in from{};
            socklen_t size = sizeof from;
            ssize_t got = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
            if (got > 12) {
                std::string reply = answer(std::string(buffer.data(), static_cast<size_t>(got)));
                if (!reply.empty()) {
                    ::sendto(fd_.get(), reply.data(), reply.size(), 0,
                             reinterpret_cast<sockaddr*>(&from), size);
                }
            }
        }
    }

    std::string answer(const std::string& query) {
        std::string asked;
        std::size_t at = 12;
        while (query[at] != 0) {
            auto length = static_cast<std::size_t>(query[at]);
            asked += (asked.empty() ? "" : ".") + query.substr(at + 1, length);
            at += length + 1;
        }
        int type = query[at + 2];
        if (asked == "silent.example") {
            return {};
        }
        if (asked == "garbage.example") {
            std::string reply = query;
            reply[2] = '\x81';
            reply[7] = 9;  // answers that are not there
            return reply;
        }
        auto found = zone_.find(lowercase(asked) + "/" + std::to_string(type));
        Scripted nothing;
        nothing.rcode = 3;
        const Scripted& script = found != zone_.end() ? found->second : nothing;
        std::string reply = query.substr(0, at + 5);
        reply[2] = '\x81';
        reply[3] = static_cast<char>(0x80 | script.rcode);
        reply[7] = static_cast<char>(script.answers.size());
        for (const Answer& one : script.answers) {
            reply += name(one.owner);
            reply += std::string("\0", 1) + static_cast<char>(one.type);
            reply += std::string("\0\1\0\0\0\x3c\0", 7);
            reply += static_cast<char>(one.data.size());
            reply += one.data;
        }
        return reply;
    }

    UniqueFd fd_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

ResolverOptions options_for(const Server& server) {
    ResolverOptions options;
    options.servers = server.address();
    options.timeout = 200ms;
    options.tries = 1;
    options.hosts_file = "/nonexistent";
    return options;
}

DnsAnswer look_up(Resolver& resolver, const std::string& name, DnsType type) {
    return Loop::current().run_task(resolver.lookup(name, type));
}

ClientName client_name(Resolver& resolver, const std::string& address) {
    return Loop::current().run_task(
        resolve_client_name(&resolver, *SocketAddress::parse(address, 12345)));
}

}  // namespace

TEST_CASE("dns/resolver: answers of every kind") {
    Server server;
    Resolver resolver(options_for(server));
    DnsAnswer mx = look_up(resolver, "Example.com", DnsType::kMx);
    REQUIRE(mx.found());
    REQUIRE(mx.records.size() == 2);
    CHECK(mx.records[1].text == "mx1.example.com");
    CHECK(mx.records[1].preference == 10);

    DnsAnswer missing = look_up(resolver, "nosuch.example", DnsType::kA);
    CHECK(missing.status == DnsStatus::kNotFound);
    CHECK(missing.reason ==
          "Host or domain name not found. Name service error for name=nosuch.example type=A: "
          "Host not found");
    DnsAnswer no_data = look_up(resolver, "mx1.example.com", DnsType::kAaaa);
    CHECK(no_data.status == DnsStatus::kNotFound);
    CHECK(no_data.reason.ends_with("Host found but no data record of requested type"));
    DnsAnswer failing = look_up(resolver, "fails.example", DnsType::kA);
    CHECK(failing.status == DnsStatus::kTemporary);
    CHECK(failing.reason.ends_with("Host not found, try again"));
    DnsAnswer null_mx = look_up(resolver, "null.example", DnsType::kMx);
    CHECK(null_mx.status == DnsStatus::kNullMx);
    CHECK(null_mx.reason == "Domain null.example does not accept mail (nullMX)");
    CHECK(look_up(resolver, "broken.example", DnsType::kMx).status == DnsStatus::kMalformed);
    CHECK(look_up(resolver, "silent.example", DnsType::kA).status == DnsStatus::kTemporary);
    CHECK(look_up(resolver, "garbage.example", DnsType::kA).status == DnsStatus::kTemporary);
    CHECK(look_up(resolver, "no such name", DnsType::kA).status == DnsStatus::kNotFound);
}

TEST_CASE("dns/resolver: CNAMEs are followed, also where the answer stops halfway") {
    Server server;
    Resolver resolver(options_for(server));
    DnsAnswer answer = look_up(resolver, "alias.example", DnsType::kA);
    REQUIRE(answer.found());
    CHECK(answer.name == "mx1.example.com");
    CHECK(answer.records[0].text == "127.0.0.2");
    DnsAnswer loop = look_up(resolver, "loop.example", DnsType::kA);
    CHECK(loop.status == DnsStatus::kNotFound);
}

namespace {

Task<void> count_found(Resolver* resolver, int* found) {
    DnsAnswer answer = co_await resolver->lookup("example.com", DnsType::kMx);
    *found += answer.found() ? 1 : 0;
}

Task<int> many_at_once(Resolver* resolver, int count) {
    int found = 0;
    TaskGroup group;
    for (int i = 0; i < count; ++i) {
        group.spawn(count_found(resolver, &found));
    }
    co_await group.join();
    co_return found;
}

Task<void> give_up_early(Resolver* resolver) {
    auto answer = co_await with_timeout(20ms, resolver->lookup("silent.example", DnsType::kA));
    CHECK_FALSE(answer);
    co_await sleep_for(400ms);  // the answer, or its absence, comes to nobody
}

}  // namespace

TEST_CASE("dns/resolver: many at once, and a lookup that nobody waits for any more") {
    Server server;
    Resolver resolver(options_for(server));
    CHECK(Loop::current().run_task(many_at_once(&resolver, 200)) == 200);
    Loop::current().run_task(give_up_early(&resolver));
}

TEST_CASE("dns/hosts: names and addresses from the file") {
    std::string path =
        std::filesystem::temp_directory_path() / ("relais-hosts-" + std::to_string(::getpid()));
    std::ofstream(path) << "# comment\n127.0.0.1 localhost loop # more\n::1\tlocalhost ip6\n"
                           "bad line\n192.0.2.7 seven.example seven\n";
    HostsFile hosts(path);
    std::filesystem::remove(path);
    CHECK(hosts.addresses("LocalHost.") == std::vector<std::string>{"127.0.0.1", "::1"});
    CHECK(hosts.addresses("seven") == std::vector<std::string>{"192.0.2.7"});
    CHECK(hosts.addresses("other").empty());
    CHECK(hosts.name("192.0.2.7") == "seven.example");
    CHECK(hosts.name("192.0.2.8").empty());
}

TEST_CASE("dns/host_lookup: addresses of hosts") {
    Server server;
    Resolver resolver(options_for(server));
    auto resolve = [&](const std::string& host, HostSource source) {
        return Loop::current().run_task(resolve_host(&resolver, host, AddressFamilies(), source));
    };
    CHECK(resolve("mx1.example.com", HostSource::kDns).addresses ==
          std::vector<std::string>{"127.0.0.2"});
    CHECK(resolve("alias.example", HostSource::kNative).addresses ==
          std::vector<std::string>{"127.0.0.2"});
    CHECK(resolve("2001:db8::1", HostSource::kDns).addresses ==
          std::vector<std::string>{"2001:db8::1"});
    CHECK(resolve("fails.example", HostSource::kDns).status == DnsStatus::kTemporary);
    CHECK(resolve("nosuch.example", HostSource::kDns).status == DnsStatus::kNotFound);
}

// The words of getaddrinfo(3).
TEST_CASE("dns/host_lookup: why a native look-up failed") {
    Server server;
    Resolver resolver(options_for(server));
    auto reason = [&](const std::string& host) {
        return Loop::current()
            .run_task(resolve_host(&resolver, host, AddressFamilies(), HostSource::kNative))
            .reason;
    };
    CHECK(reason("nosuch.example") ==
          "unable to look up host nosuch.example: Name or service not known");
    CHECK(reason("fails.example") ==
          "unable to look up host fails.example: Temporary failure in name resolution");
    const std::string long_label = std::string(64, 'a') + ".example";
    CHECK(reason(long_label) ==
          "unable to look up host " + long_label + ": Name or service not known");
}

TEST_CASE("dns/client_name: codes as Postfix's smtpd has them") {
    Server server;
    Resolver resolver(options_for(server));
    ClientName good = client_name(resolver, "127.0.0.2");
    CHECK(good.name == "mx1.example.com");
    CHECK(good.name_code == NameCode::kOk);
    CHECK(good.reverse_code == NameCode::kOk);
    ClientName forged = client_name(resolver, "127.0.0.3");
    CHECK(forged.name == "unknown");
    CHECK(forged.reverse_name == "mx1.example.com");
    CHECK(forged.name_code == NameCode::kForged);
    CHECK(forged.reverse_code == NameCode::kOk);
    CHECK(client_name(resolver, "127.0.0.4").reverse_code == NameCode::kPermanent);
    CHECK(client_name(resolver, "127.0.0.5").reverse_code == NameCode::kTemporary);
    CHECK(client_name(resolver, "127.0.0.6").name_code == NameCode::kTemporary);
    CHECK(client_name(resolver, "127.0.0.7").name_code == NameCode::kForged);
    CHECK(client_name(resolver, "127.0.0.8").name_code == NameCode::kPermanent);
}
