// Logins in worker processes: the pool of them with scripted workers, and one with the library.
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <list>

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/cyrus_server.h"
#include "lib/sasl/cyrus_workers.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

TEST_CASE("sasl/mechanism: what an administrator wants against what a mechanism is") {
    auto plain = AuthMechanism::parse(parse_auth_line("MECH\tPLAIN\tplaintext"));
    auto digest =
        AuthMechanism::parse(parse_auth_line("MECH\tDIGEST-MD5\tdictionary\tactive\tmutual-auth"));
    auto hidden = AuthMechanism::parse(parse_auth_line("MECH\tX\tprivate\tsomething"));
    CHECK(digest.line() == "MECH\tDIGEST-MD5\tdictionary\tactive\tmutual-auth\n");
    CHECK(AuthMechanism::parse({"MECH"}).name.empty());
    const auto allows = [](std::string_view text, const AuthMechanism& mechanism) {
        auto options = SaslSecurity::parse(text);
        REQUIRE(options);
        CHECK(SaslSecurity::from_bits(options->bits()).allows(mechanism) ==
              options->allows(mechanism));
        return options->allows(mechanism);
    };
    CHECK(allows("", plain));
    CHECK(allows("noanonymous", plain));
    CHECK_FALSE(allows("noanonymous, NoPlainText", plain));
    CHECK_FALSE(allows("mutual_auth", plain));
    CHECK_FALSE(allows("forward_secrecy", plain));
    CHECK(allows("noplaintext\tmutual_auth", digest));
    CHECK_FALSE(allows("nodictionary", digest));
    CHECK_FALSE(allows("noactive", digest));
    CHECK_FALSE(allows("", hidden));
    auto wrong = SaslSecurity::parse("noplaintext,nosuch");
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message ==
          "unknown SASL security options value \"nosuch\" in \"noplaintext,nosuch\"");
}

namespace {

// Workers that are tasks: for the mechanism HANG they say nothing, for DIE they hang up, and
// otherwise they ask once and then agree.
class Workers {
  public:
    explicit Workers(CyrusWorkers::Limits limits) : pool([this] { return start(); }, limits) {}

    Task<void> close() {
        co_await pool.close();
        co_await serving_.close();
    }

    int started = 0;
    CyrusWorkers pool;

  private:
    Result<UniqueFd> start() {
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
        ++started;
        serving_.spawn(serve(UniqueFd(pair[1])));
        return UniqueFd(pair[0]);
    }

    static Task<void> serve(UniqueFd fd) {
        Stream stream(std::move(fd));
        stream.write("VERSION\t1\t1\nDONE\n");
        for (bool more = true; more;) {
            more = co_await stream.fill();
            const std::string text(stream.buffered());
            stream.consume(text.size());
            if (text.contains("\tDIE\t")) {
                co_return;
            }
            const auto line = text.rfind("AUTH\t");
            if (line != std::string::npos && !text.contains("\tHANG\t")) {
                const auto fields = parse_auth_line(text.substr(line, text.size() - line - 1));
                stream.write("CONT\t" + fields[1] + "\t\n");
            } else if (text.contains("CONT\t")) {
                const auto fields = parse_auth_line(text.substr(0, text.size() - 1));
                stream.write("OK\t" + fields[1] + "\tuser=joe\n");
            }
        }
    }

    TaskGroup serving_;
};

Task<AuthReply> log_in(Workers* workers, std::string mechanism) {
    auto lease = co_await workers->pool.take();
    REQUIRE(lease);
    AuthExchange exchange(lease->client());
    AuthPeer peer;
    AuthReply reply = co_await exchange.start(std::move(mechanism), peer, std::nullopt);
    while (reply.kind == AuthReply::Kind::kChallenge) {
        reply = co_await exchange.respond("");
    }
    if (reply.by_server) {
        lease->rests();
    }
    co_return reply;
}

Task<void> log_in_beside(Workers* workers, std::string mechanism, AuthReply* result) {
    *result = co_await log_in(workers, std::move(mechanism));
}

Task<void> one_after_the_other() {
    Workers workers({.workers = 2, .logins_of_a_worker = 3, .answer = 2s});
    for (int i = 0; i < 4; ++i) {
        const auto reply = co_await log_in(&workers, "ASK");
        CHECK(reply.kind == AuthReply::Kind::kSuccess);
        CHECK(reply.user == "joe");
    }
    CHECK(workers.started == 2);  // the first had served its three
    co_await workers.close();
}

Task<void> one_that_hangs() {
    Workers workers({.workers = 2, .answer = 500ms});
    TaskGroup beside;
    AuthReply hung;
    beside.spawn(log_in_beside(&workers, "HANG", &hung));
    const auto reply = co_await log_in(&workers, "ASK");
    CHECK(reply.kind == AuthReply::Kind::kSuccess);
    co_await beside.join();
    CHECK(hung.kind == AuthReply::Kind::kTemporary);
    CHECK_FALSE(hung.by_server);
    const auto started = workers.started;
    const auto again = co_await log_in(&workers, "ASK");
    CHECK(again.kind == AuthReply::Kind::kSuccess);
    CHECK(workers.started == started);  // the good one, not the one that hung
    co_await workers.close();
}

Task<void> one_that_dies() {
    Workers workers({.workers = 1, .answer = 2s});
    const auto dead = co_await log_in(&workers, "DIE");
    CHECK(dead.kind == AuthReply::Kind::kTemporary);
    CHECK_FALSE(dead.by_server);
    CHECK(workers.started == 1);  // what kills a worker is not tried on another
    const auto reply = co_await log_in(&workers, "ASK");
    CHECK(reply.kind == AuthReply::Kind::kSuccess);
    co_await workers.close();
}

Task<void> all_taken_by_the_silent() {
    Workers workers({.workers = 2, .answer = 300ms});
    {
        std::list<CyrusWorkers::Lease> leases;
        std::list<AuthExchange> exchanges;
        AuthPeer peer;
        for (int i = 0; i < 2; ++i) {
            auto lease = co_await workers.pool.take();
            REQUIRE(lease);
            leases.push_back(std::move(*lease));
            exchanges.emplace_back(leases.back().client());
            auto asked = co_await exchanges.back().start("ASK", peer, std::nullopt);
            CHECK(asked.kind == AuthReply::Kind::kChallenge);
            leases.back().rests();
        }
        const auto reply = co_await log_in(&workers, "ASK");
        CHECK(reply.kind == AuthReply::Kind::kSuccess);
        const auto first = co_await exchanges.front().respond("");
        CHECK(first.kind == AuthReply::Kind::kTemporary);
        const auto second = co_await exchanges.back().respond("");
        CHECK(second.kind == AuthReply::Kind::kSuccess);
        exchanges.clear();
    }
    // Those that are at work are not sent away for anybody.
    TaskGroup beside;
    std::array<AuthReply, 2> hung;
    beside.spawn(log_in_beside(&workers, "HANG", hung.data()));
    beside.spawn(log_in_beside(&workers, "HANG", &hung[1]));
    co_await sleep_for(50ms);
    const auto next = co_await log_in(&workers, "ASK");  // when they are given up
    CHECK(next.kind == AuthReply::Kind::kSuccess);
    co_await beside.join();
    co_await workers.close();
}

}  // namespace

TEST_CASE("sasl/workers: a worker serves some logins, and then another does") {
    Loop::current().run_task(one_after_the_other());
}

TEST_CASE("sasl/workers: one that hangs holds up its login only, and is not used again") {
    Loop::current().run_task(one_that_hangs());
}

TEST_CASE("sasl/workers: one that dies fails its login, and the next gets another") {
    Loop::current().run_task(one_that_dies());
}

TEST_CASE("sasl/workers: who begins to log in and says nothing makes room for others") {
    Loop::current().run_task(all_taken_by_the_silent());
}

namespace {

// A folder with the configuration file relais-test.conf.
struct Folder {
    Folder() {
        std::filesystem::create_directories(path);
        std::ofstream(path + "/relais-test.conf")
            << "pwcheck_method: saslauthd\nsaslauthd_path: " << path
            << "/mux\nmech_list: PLAIN LOGIN\n";
    }

    ~Folder() { std::filesystem::remove_all(path); }

    std::string path = "/tmp/relais-cyrus." + std::to_string(::getpid());
};

bool has_plugins(const CyrusSettings& settings) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::_exit(cyrus_open(settings) && cyrus_mechanisms(settings) ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status == 0;
}

std::string hear(int fd) {
    std::array<char, 4096> block{};
    const ssize_t got = ::read(fd, block.data(), block.size());
    return std::string(block.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

}  // namespace

TEST_CASE("sasl/cyrus: a step that takes too long ends the worker; nonsense is no login") {
    Folder folder;
    CyrusSettings settings{folder.path, "relais-test", "smtp", "mx.example.test", ""};
    if (!has_plugins(settings)) {
        WARN("skipped: the mechanisms of Cyrus SASL are not installed");
        return;
    }
    // A saslauthd that takes connections and says nothing.
    UniqueFd mux(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (folder.path + "/mux").copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::bind(mux.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(mux.get(), 5) == 0);
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    UniqueFd ours(pair[0]);
    const timeval limit{20, 0};
    ::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(pair[0]);
        if (!cyrus_open(settings)) {
            ::_exit(1);
        }
        cyrus_serve(pair[1], settings, kMaxAuthLine, 1s);
        ::_exit(0);
    }
    ::close(pair[1]);
    CHECK(hear(ours.get()) == "VERSION\t1\t1\nDONE\n");
    (void)write_all(ours.get(), "\n\t\nAUTH\nAUTH\t1\nNOSUCH\t1\tx\nCANCEL\t9\nCONT\t7\tAAAA\n");
    CHECK(hear(ours.get()) == "FAIL\t7\n");
    (void)write_all(ours.get(), "AUTH\t8\tPLAIN\n");
    CHECK(hear(ours.get()) == "CONT\t8\t\n");
    (void)write_all(ours.get(), "CANCEL\t8\nCONT\t8\tAAAA\n");
    CHECK(hear(ours.get()) == "FAIL\t8\n");
    (void)write_all(ours.get(), "AUTH\t9\tPLAIN\toptions=1\tresp=AAAA\n");
    CHECK(hear(ours.get()) == "FAIL\t9\treason=encryption needed to use mechanism\n");
    (void)write_all(ours.get(),
                    "AUTH\t10\tPLAIN\tresp=" + base64_encode(std::string("\0joe\0pw", 7)) + "\n");
    CHECK(hear(ours.get()).empty());
    int status = 0;
    REQUIRE(::waitpid(pid, &status, WNOHANG) >= 0);
    ours.reset();
    if (!WIFSIGNALED(status)) {
        ::waitpid(pid, &status, 0);
    }
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
}
