// Passwords, mechanisms, and the client of the Dovecot auth protocol against a scripted server.
#include <array>
#include <list>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/event/socket.h"
#include "lib/event/task_group.h"
#include "lib/sasl/auth_client.h"
#include "lib/sasl/mechanism.h"
#include "lib/sasl/password.h"
#include "lib/sasl/users_file.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

TEST_CASE("sasl/password: every scheme takes the right password and no other") {
    // Made with openssl passwd, mkpasswd, python's hashlib and bcrypt: independent of this code.
    std::string stored = GENERATE(
        "{PLAIN}secret", "{CLEARTEXT}secret",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "{SHA1.HEX}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
        "{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
        "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
        "{plain-md5}5ebe2294ecd0e0f08eab7690d2a6ee69", "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
        "{SSHA512}aCu7JRc+kLsuEmFs1zTY+AiP7DSGnjjG+dH28Dp+"
        "E5usqoAixeTPihKqZmkWal4mUfp63tqvCAkFV1LKTDF"
        "H6XNhbHRzYWx0",
        "{SHA512-CRYPT}$6$saltsalt$"
        "TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77"
        "vwPZN.Pq.H91p5hVO1",
        "{SHA256-CRYPT}$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
        "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
        "$1$saltsalt$9xy1btjgzLYfb7hivXtC//");
    INFO(stored);
    CHECK(verify_password("secret", stored) == true);
    CHECK(verify_password("Secret", stored) == false);
    CHECK(verify_password("", stored) == false);
}

TEST_CASE("sasl/password: every scheme can be written in hexadecimal digits and base64") {
    CHECK(verify_password("secret", "{PLAIN.HEX}736563726574") == true);
    CHECK(verify_password("secret", "{plain.b64}c2VjcmV0") == true);
    CHECK(verify_password("c2VjcmV0", "{PLAIN.B64}c2VjcmV0") == false);
    CHECK(verify_password("secret", "{CLEARTEXT.BASE64}c2VjcmV0") == true);
    CHECK_FALSE(verify_password("secret", "{PLAIN.FOO}secret"));
    CHECK_FALSE(verify_password("secret", "{PLAIN.HEX}7"));
}

TEST_CASE("sasl/password: locked and empty hashes refuse") {
    for (const char* stored :
         {"!", "*", "{CRYPT}!", "{SHA512-CRYPT}*", "{MD5-CRYPT}", "{CRYPT}!$6$salt$x"}) {
        CHECK(verify_password("secret", stored) == false);
        CHECK(verify_password("", stored) == false);
    }
}

TEST_CASE("sasl/users_file: the first of two lines for a user counts") {
    UsersFile file;
    file.parse("bob:one:1000\nalice:x\nbob:two:2000\n");
    CHECK(file.find("bob")->get("password") == "one");
    CHECK(file.find("bob")->get("userdb_uid") == "1000");
}

TEST_CASE("sasl/password: unknown schemes and torn data are errors, not refusals") {
    CHECK_FALSE(verify_password("secret", "{ROT13}frperg"));
    CHECK_FALSE(verify_password("secret", "{SSHA}!!!"));
    CHECK_FALSE(verify_password("secret", "{SSHA}c2hvcnQ="));
    CHECK_FALSE(verify_password("secret", "{SHA512-CRYPT}nonsense"));
    CHECK(verify_password("secret", "secret", "PLAIN") == true);
}

TEST_CASE("sasl/mechanism: PLAIN and LOGIN end in credentials") {
    using Kind = SaslStep::Kind;
    auto plain = SaslMechanism::make("plain");
    REQUIRE(plain);
    auto asked = plain->step(std::nullopt);
    CHECK(asked.kind == Kind::kChallenge);
    CHECK(asked.challenge.empty());
    auto done = plain->step(std::string_view("boss\0bob\0secret", 15));
    REQUIRE(done.kind == Kind::kCredentials);
    CHECK(done.credentials.authorization == "boss");
    CHECK(done.credentials.user == "bob");
    CHECK(done.credentials.password == "secret");
    CHECK(plain->step("bob").kind == Kind::kMalformed);
    CHECK(plain->step(std::string_view("\0\0x", 3)).kind == Kind::kMalformed);

    auto login = SaslMechanism::make("LOGIN");
    CHECK(login->step(std::nullopt).challenge == "Username:");
    CHECK(login->step("bob").challenge == "Password:");
    CHECK(login->step("secret").credentials.user == "bob");
    CHECK_FALSE(SaslMechanism::make("X-NONE"));
}

TEST_CASE("sasl/lines: tabs and line ends are escaped") {
    CHECK(auth_escape("a\tb\nc\001") == "a\001tb\001nc\0011");
    CHECK(auth_unescape(auth_escape(std::string("\0\t\r\n\001x", 6))) ==
          std::string("\0\t\r\n\001x", 6));
    CHECK(parse_auth_line("FAIL\t1\t\tuser=a\001tb") ==
          std::vector<std::string>{"FAIL", "1", "", "user=a\tb"});
}

namespace {

UniqueFd listen_at(const std::string& path) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ::unlink(path.c_str());
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(fd.get(), 5) == 0);
    return fd;
}

// Answers each AUTH and CONT line as the texts say, in turn; an empty text hangs up.
Task<void> scripted_server(Listener* listener, std::vector<std::string> answers,
                           std::vector<std::string>* heard) {
    std::size_t next = 0;
    while (next < answers.size()) {
        Stream stream(co_await listener->accept());
        stream.write(
            "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
            "SPID\t7\nCUID\t1\nCOOKIE\t00ff\nDONE\n");
        bool open = true;
        while (open && next < answers.size()) {
            open = co_await stream.fill();
            std::string text(stream.buffered());
            stream.consume(text.size());
            for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
                std::string line = text.substr(at, end - at);
                heard->push_back(line);
                if (line.starts_with("AUTH") || line.starts_with("CONT")) {
                    const std::string& answer = answers[next++];
                    open = !answer.empty();
                    stream.write(answer);
                }
            }
        }
        co_await stream.flush();
    }
}

Task<AuthReply> authenticate(AuthClient* client) {
    AuthPeer peer;
    peer.service = "smtp";
    peer.remote_address = "192.0.2.1";
    peer.local_address = "192.0.2.2";
    AuthExchange exchange(*client);
    std::optional<std::string> none;
    AuthReply reply = co_await exchange.start("LOGIN", peer, none);
    while (reply.kind == AuthReply::Kind::kChallenge) {
        reply = co_await exchange.respond("cmVzcA==");
    }
    co_return reply;
}

struct Scripted {
    AuthReply reply;
    std::vector<std::string> heard;
};

Task<Scripted> run_script(std::vector<std::string> answers) {
    std::string path = "/tmp/relais-sasl-test." + std::to_string(::getpid());
    Listener listener(listen_at(path));
    Scripted result;
    TaskGroup servers;
    servers.spawn(scripted_server(&listener, std::move(answers), &result.heard));
    AuthClient client(path);
    client.set_timeout(2s);
    auto mechanisms = co_await client.mechanisms();
    REQUIRE(mechanisms);
    CHECK(mechanisms->size() == 2);
    result.reply = co_await authenticate(&client);
    co_await client.close();
    co_await servers.close();
    ::unlink(path.c_str());
    co_return result;
}

}  // namespace

TEST_CASE("sasl/client: challenge, response, success") {
    auto got = Loop::current().run_task(
        run_script({"CONT\t1\tVXNlcm5hbWU6\n", "OK\t1\tuser=bob\tuid=5\n"}));
    CHECK(got.reply.kind == AuthReply::Kind::kSuccess);
    CHECK(got.reply.user == "bob");
    CHECK(got.reply.parameters.get("uid") == "5");
    REQUIRE(got.heard.size() == 4);
    CHECK(got.heard[0] == "VERSION\t1\t1");
    CHECK(got.heard[2] == "AUTH\t1\tLOGIN\tservice=smtp\tnologin\tlip=192.0.2.2\trip=192.0.2.1");
    CHECK(got.heard[3] == "CONT\t1\tcmVzcA==");
}

TEST_CASE("sasl/client: refusals and temporary failures are told apart") {
    auto refused = Loop::current().run_task(run_script({"FAIL\t1\tuser=bob\treason=no luck\n"}));
    CHECK(refused.reply.kind == AuthReply::Kind::kFailure);
    CHECK(refused.reply.reason == "no luck");
    auto temporary = Loop::current().run_task(run_script({"FAIL\t1\tuser=bob\ttemp\n"}));
    CHECK(temporary.reply.kind == AuthReply::Kind::kTemporary);
}

TEST_CASE("sasl/client: a server that hangs up is asked once more, on a new connection") {
    auto got = Loop::current().run_task(run_script({"", "OK\t1\tuser=bob\n"}));
    CHECK(got.reply.kind == AuthReply::Kind::kSuccess);
    auto dead = Loop::current().run_task(run_script({"", ""}));
    CHECK(dead.reply.kind == AuthReply::Kind::kTemporary);
}

namespace {

constexpr std::string_view kGreeting = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nCOOKIE\t";

// Greets every connection with another cookie, and reads nothing.
Task<void> deaf_server(Listener* listener, std::list<Stream>* clients) {
    for (;;) {
        Stream& stream = clients->emplace_back(co_await listener->accept());
        stream.write(std::string(kGreeting) + std::to_string(clients->size()) + "\nDONE\n");
        co_await stream.flush();
    }
}

Task<void> send_much(AuthClient* client) {
    AuthExchange exchange(*client);
    AuthPeer peer;
    (void)co_await exchange.start("PLAIN", peer, std::string(16000, 'A'));
}

Task<std::size_t> give_up_in_the_middle() {
    std::string path = "/tmp/relais-sasl-deaf." + std::to_string(::getpid());
    Listener listener(listen_at(path));
    std::list<Stream> clients;
    TaskGroup servers;
    servers.spawn(deaf_server(&listener, &clients));
    AuthClient client(path);
    TaskGroup logins;
    for (int i = 0; i < 100; ++i) {
        logins.spawn(send_much(&client));
    }
    co_await sleep_for(200ms);
    co_await logins.close();
    auto mechanisms = co_await client.mechanisms();
    CHECK(mechanisms);
    co_await client.close();
    co_await servers.close();
    ::unlink(path.c_str());
    co_return clients.size();
}

Task<Result<std::vector<AuthMechanism>>> endless_greeting() {
    std::string answer = "VERSION\t1\t2\n";
    for (int i = 0; i < 1000; ++i) {
        answer += "MECH\tM" + std::to_string(i) + "\n";
    }
    std::string path = "/tmp/relais-sasl-endless." + std::to_string(::getpid());
    Listener listener(listen_at(path));
    AuthClient client(path);
    client.set_timeout(500ms);
    TaskGroup servers;
    servers.spawn([](Listener* at, std::string text) -> Task<void> {
        Stream stream(co_await at->accept());
        stream.write(text);
        co_await stream.flush();
        co_await sleep_for(10s);
    }(&listener, std::move(answer)));
    auto got = co_await client.mechanisms();
    co_await client.close();
    co_await servers.close();
    ::unlink(path.c_str());
    co_return got;
}

}  // namespace

// What was left of the old connection, its reader, was used after its end.
TEST_CASE("sasl/client: a connection that is given up in the middle of a line") {
    CHECK(Loop::current().run_task(give_up_in_the_middle()) == 2);
}

TEST_CASE("sasl/client: a greeting that does not end") {
    auto got = Loop::current().run_task(endless_greeting());
    REQUIRE_FALSE(got);
    CHECK(got.error().message.contains("too long"));
}

namespace {

Task<void> log_in_much(AuthClient* client, AuthReply* reply) {
    AuthExchange exchange(*client);
    AuthPeer peer;
    *reply = co_await exchange.start("PLAIN", peer, std::string(16000, 'A'));
}

// A server that greets and reads nothing: what is sent to it does not go away.
Task<std::chrono::milliseconds> flush_to_the_deaf(std::vector<AuthReply>* replies) {
    std::string path = "/tmp/relais-sasl-flush." + std::to_string(::getpid());
    Listener listener(listen_at(path));
    std::list<Stream> clients;
    TaskGroup servers;
    servers.spawn(deaf_server(&listener, &clients));
    AuthClient client(path);
    client.set_timeout(300ms);
    const auto begin = std::chrono::steady_clock::now();
    TaskGroup logins;
    replies->resize(50);
    for (AuthReply& reply : *replies) {
        reply.kind = AuthReply::Kind::kSuccess;
        logins.spawn(log_in_much(&client, &reply));
    }
    co_await logins.join();
    const auto took = std::chrono::steady_clock::now() - begin;
    co_await client.close();
    co_await servers.close();
    ::unlink(path.c_str());
    co_return std::chrono::ceil<std::chrono::milliseconds>(took);
}

Task<void> ask_mechanisms(AuthClient* client, int* failed) {
    auto got = co_await client->mechanisms();
    *failed += got ? 0 : 1;
}

// A server that takes connections and is silent, or says a byte now and then.
Task<std::chrono::milliseconds> ask_the_silent(int* failed) {
    std::string path = "/tmp/relais-sasl-silent." + std::to_string(::getpid());
    Listener listener(listen_at(path));
    TaskGroup servers;
    servers.spawn([](Listener* at) -> Task<void> {
        for (;;) {
            Stream stream(co_await at->accept());
            for (int i = 0; i < 20; ++i) {
                stream.write("V");
                co_await stream.flush();
                co_await sleep_for(100ms);
            }
        }
    }(&listener));
    AuthClient client(path);
    client.set_timeout(400ms);
    const auto begin = std::chrono::steady_clock::now();
    TaskGroup sessions;
    for (int i = 0; i < 20; ++i) {
        sessions.spawn(ask_mechanisms(&client, failed));
    }
    co_await sessions.join();
    const auto took = std::chrono::steady_clock::now() - begin;
    co_await client.close();
    co_await servers.close();
    ::unlink(path.c_str());
    co_return std::chrono::ceil<std::chrono::milliseconds>(took);
}

}  // namespace

TEST_CASE(
    "sasl/client: a server that reads nothing is waited for no longer than one that says nothing") {
    std::vector<AuthReply> replies;
    CHECK(Loop::current().run_task(flush_to_the_deaf(&replies)) < 3s);
    for (const AuthReply& reply : replies) {
        CHECK(reply.kind == AuthReply::Kind::kTemporary);
    }
}

TEST_CASE("sasl/client: those who wait for a greeting in vain wait once, all together") {
    int failed = 0;
    CHECK(Loop::current().run_task(ask_the_silent(&failed)) < 1500ms);
    CHECK(failed == 20);
}
