#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/socket.h>

#include "lib/event/task_group.h"
#include "lib/tls/tls_session.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

namespace {

// A certification authority and a server certificate for mx.example.com, made once.
class Certificates {
  public:
    Certificates() {
        std::string pattern = std::filesystem::temp_directory_path() / "relais-tls-XXXXXX";
        dir_ = ::mkdtemp(pattern.data());
        run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            "-subj '/CN=Test CA' -keyout ca.key -out ca.pem");
        run("openssl req -newkey rsa:2048 -nodes -subj /CN=mx.example.com -keyout mx.key -out "
            "mx.csr");
        run("printf 'subjectAltName=DNS:mx.example.com,DNS:*.wild.example' > ext");
        run("openssl x509 -req -in mx.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
            "-extfile ext -out mx.pem");
        run("cat mx.key mx.pem ca.pem > chain.pem");
    }

    ~Certificates() { std::filesystem::remove_all(dir_); }

    std::string path(std::string_view name) const { return dir_ + "/" + std::string(name); }

    static const Certificates& get() {
        static const Certificates certificates;
        return certificates;
    }

  private:
    void run(const std::string& command) {
        std::string line = "cd " + dir_ + " && (" + command + ") >/dev/null 2>&1";
        REQUIRE(std::system(line.c_str()) == 0);
    }

    std::string dir_;
};

TlsServerOptions server_options() {
    TlsServerOptions options;
    options.certificates.cert_file = Certificates::get().path("mx.pem");
    options.certificates.key_file = Certificates::get().path("mx.key");
    return options;
}

std::unique_ptr<TlsContext> make_server(const TlsServerOptions& options) {
    auto context = TlsContext::server(options);
    REQUIRE(context);
    return std::move(*context);
}

std::unique_ptr<TlsContext> make_client() {
    TlsClientOptions options;
    options.ca_file = Certificates::get().path("ca.pem");
    auto context = TlsContext::client(options);
    REQUIRE(context);
    return std::move(*context);
}

std::array<UniqueFd, 2> socket_pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

constexpr std::size_t kPiece = 40000;

struct Outcome {
    Result<TlsInfo> server = fail(Errc::kClosed, "not run");
    Result<TlsInfo> client = fail(Errc::kClosed, "not run");
    std::string echoed;
};

Task<void> serve_echo(UniqueFd fd, TlsContext* context, Outcome* outcome) {
    Stream stream(std::move(fd));
    TlsAcceptOptions options;
    options.peer = "client[local]";
    options.timeout = 2s;
    outcome->server = co_await tls_accept(&stream, context, options);
    if (!outcome->server) {
        co_return;
    }
    while (co_await stream.fill()) {
        stream.write(stream.buffered());
        stream.consume(stream.buffered().size());
    }
}

Task<std::string> read_exactly(Stream* stream, std::size_t count) {
    while (stream->buffered().size() < count) {
        bool more = co_await stream->fill();
        if (!more) {
            break;
        }
        if (stream->buffered().size() > count) {
            break;
        }
    }
    co_return std::string(stream->buffered());
}

Task<Outcome> session(TlsContext* server, TlsContext* client, TlsConnectOptions options,
                      std::string text) {
    auto [a, b] = socket_pair();
    Outcome outcome;
    TaskGroup group;
    group.spawn(serve_echo(std::move(a), server, &outcome));
    {
        Stream stream(std::move(b));
        stream.set_timeout(5s);
        outcome.client = co_await tls_connect(&stream, client, options);
        if (outcome.client) {
            // In pieces that both sockets' buffers hold: this side does not read while it writes.
            for (std::size_t at = 0; at < text.size(); at += kPiece) {
                std::string piece = text.substr(at, kPiece);
                stream.write(piece);
                std::string back = co_await read_exactly(&stream, piece.size());
                stream.consume(back.size());
                outcome.echoed += back;
            }
        }
    }
    co_await group.join();
    co_return std::move(outcome);
}

Outcome run(TlsContext& server, TlsContext& client, const TlsConnectOptions& options,
            const std::string& text = "hello") {
    return Loop::current().run_task(session(&server, &client, options, text));
}

TlsConnectOptions connect_options(TlsLevel level, std::vector<std::string> match = {}) {
    TlsConnectOptions options;
    options.peer = "server[local]:25";
    options.level = level;
    options.match = std::move(match);
    options.timeout = 2s;
    return options;
}

}  // namespace

TEST_CASE("tls/session: a key and its chain from one file") {
    TlsServerOptions options;
    options.certificates.chain_files = {Certificates::get().path("chain.pem")};
    auto server = make_server(options);
    auto client = make_client();
    CHECK(run(*server, *client, connect_options(TlsLevel::kMay)).echoed == "hello");
    options.certificates.chain_files = {Certificates::get().path("mx.pem")};
    CHECK_FALSE(TlsContext::server(options));
}

TEST_CASE("tls/session: names decide at level verify") {
    auto server = make_server(server_options());
    auto client = make_client();
    auto trust = [&](const std::string& name) {
        return run(*server, *client, connect_options(TlsLevel::kVerify, {name})).client->trust;
    };
    CHECK(trust("mx.example.com") == TlsTrust::kVerified);
    CHECK(trust(".example.com") == TlsTrust::kVerified);
    CHECK(trust("a.wild.example") == TlsTrust::kVerified);
    CHECK(trust("other.example.com") == TlsTrust::kUntrusted);

    auto strange = TlsContext::client(TlsClientOptions{});
    REQUIRE(strange);
    Outcome outcome =
        run(*server, **strange, connect_options(TlsLevel::kVerify, {"mx.example.com"}));
    CHECK(outcome.client->trust == TlsTrust::kUntrusted);
    CHECK_FALSE(outcome.client->verify_error.empty());
}

TEST_CASE("tls/session: fingerprints of the certificate and of its key") {
    auto server = make_server(server_options());
    auto client = make_client();
    TlsInfo info = *run(*server, *client, connect_options(TlsLevel::kMay)).client;
    CHECK(info.certificate_fingerprint.size() == 32 * 3 - 1);
    for (const auto& print : {info.certificate_fingerprint, info.key_fingerprint}) {
        auto options = connect_options(TlsLevel::kFingerprint, {print});
        CHECK(run(*server, *client, options).client->trust == TlsTrust::kVerified);
    }
    auto wrong = connect_options(TlsLevel::kFingerprint, {"00:11"});
    CHECK(run(*server, *client, wrong).client->trust != TlsTrust::kVerified);
}

TEST_CASE("tls/session: sessions are resumed, by any process that has the ticket keys") {
    auto first = make_server(server_options());
    auto second = make_server(server_options());
    TlsTicketKey key;
    key.name.fill(1);
    key.cipher_key.fill(2);
    key.hmac_key.fill(3);
    first->set_ticket_keys({key});
    second->set_ticket_keys({key});
    auto client = make_client();
    for (const char* protocols : {">=TLSv1.3", "<=TLSv1.2"}) {
        auto options = connect_options(TlsLevel::kMay);
        options.protocols = protocols;
        options.session_key = std::string("example.com ") + protocols;
        CHECK_FALSE(run(*first, *client, options).client->reused);
        CHECK(run(*second, *client, options).client->reused);
        auto stranger = make_server(server_options());
        CHECK_FALSE(run(*stranger, *client, options).client->reused);
    }
    CHECK(client->cached_sessions() <= 2);
}

TEST_CASE("tls/session: protocols that do not meet end in an error, not in a hang") {
    auto options = server_options();
    options.protocols = ">=TLSv1.3";
    auto server = make_server(options);
    auto client = make_client();
    auto connect = connect_options(TlsLevel::kMay);
    connect.protocols = "<=TLSv1.2";
    Outcome outcome = run(*server, *client, connect);
    CHECK_FALSE(outcome.client);
    CHECK_FALSE(outcome.server);
}

namespace {

Task<Result<TlsInfo>> accept_from(UniqueFd fd, TlsContext* context, UniqueFd* peer,
                                  std::string garbage) {
    Stream stream(std::move(fd));
    if (!garbage.empty()) {
        Stream out(std::move(*peer));
        out.write(garbage);
        co_await out.flush();
        *peer = out.release();
    }
    TlsAcceptOptions options;
    options.peer = "garbage[local]";
    options.timeout = 200ms;
    co_return co_await tls_accept(&stream, context, options);
}

Result<TlsInfo> accept_garbage(const std::string& garbage, bool hang_up) {
    auto server = make_server(server_options());
    auto [a, b] = socket_pair();
    if (hang_up) {
        b.reset();
    }
    return Loop::current().run_task(accept_from(std::move(a), server.get(), &b, garbage));
}

}  // namespace

TEST_CASE("tls/session: garbage, silence and hang-ups end the handshake") {
    auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(accept_garbage("EHLO there\r\nQUIT\r\n", false));
    CHECK_FALSE(
        accept_garbage(std::string("\x16\x03\x01\xff\xff") + std::string(70000, 'a'), false));
    CHECK_FALSE(accept_garbage("", false));
    CHECK_FALSE(accept_garbage("", true));
    CHECK(std::chrono::steady_clock::now() - start < 5s);
}

namespace {

Task<void> inject_and_connect(UniqueFd fd, TlsContext* context, Outcome* outcome) {
    Stream stream(std::move(fd));
    stream.write("STARTTLS\r\nRSET\r\n");
    co_await stream.flush();
    while (stream.buffered().empty()) {
        bool more = co_await stream.fill();
        REQUIRE(more);
    }
    stream.consume(stream.buffered().size());
    outcome->client = co_await tls_connect(&stream, context, connect_options(TlsLevel::kMay));
    stream.write("x");
    outcome->echoed = co_await read_exactly(&stream, 1);
}

Task<Outcome> injected(TlsContext* server, TlsContext* client) {
    auto [a, b] = socket_pair();
    Outcome outcome;
    TaskGroup group;
    group.spawn(inject_and_connect(std::move(b), client, &outcome));
    {
        Stream stream(std::move(a));
        bool more = co_await stream.fill();
        REQUIRE(more);
        stream.consume(std::string_view("STARTTLS\r\n").size());
        REQUIRE(stream.buffered() == "RSET\r\n");
        stream.write("220 go\r\n");
        TlsAcceptOptions options;
        outcome.server = co_await tls_accept(&stream, server, options);
        CHECK(stream.buffered().empty());
        more = co_await stream.fill();
        REQUIRE(more);
        CHECK(stream.buffered() == "x");
        stream.write("x");
        co_await stream.flush();
    }
    co_await group.join();
    co_return std::move(outcome);
}

}  // namespace

TEST_CASE("tls/session: plaintext sent behind STARTTLS is thrown away") {
    auto server = make_server(server_options());
    auto client = make_client();
    Outcome outcome = Loop::current().run_task(injected(server.get(), client.get()));
    CHECK(outcome.client);
    CHECK(outcome.echoed == "x");
}

TEST_CASE("tls/context: unusable files and options are refused") {
    auto options = server_options();
    options.certificates.key_file = Certificates::get().path("ca.key");
    CHECK_FALSE(TlsContext::server(options));
    options = server_options();
    options.certificates.cert_file = "/nonexistent.pem";
    CHECK_FALSE(TlsContext::server(options));
    options = server_options();
    options.protocols = "TLSv9";
    CHECK_FALSE(TlsContext::server(options));
    options = server_options();
    options.ca_file = "/nonexistent.pem";
    CHECK_FALSE(TlsContext::server(options));
}

TEST_CASE("tls/context: renewed certificates are used by new sessions, broken ones are not") {
    auto file = [](std::string_view name) {
        std::ifstream in(Certificates::get().path(name));
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    auto options = server_options();
    options.ca_file = Certificates::get().path("ca.pem");
    const auto& names = options.certificates;
    auto server = make_server(options);
    auto client = make_client();
    auto issuer = [&] {
        TlsConnectOptions connect;
        return Loop::current()
            .run_task(session(server.get(), client.get(), connect, "x"))
            .client->peer_cn;
    };
    CHECK(issuer() == "mx.example.com");
    std::string certificate = file("mx.pem");
    // Torn, empty, another's key: the old ones stay.
    CHECK_FALSE(server->renew(
        {{names.cert_file, certificate.substr(0, 300)}, {names.key_file, file("mx.key")}}));
    CHECK_FALSE(server->renew({{names.cert_file, ""}, {names.key_file, file("mx.key")}}));
    CHECK_FALSE(server->renew({{names.cert_file, certificate}, {names.key_file, file("ca.key")}}));
    CHECK_FALSE(server->renew({{names.cert_file, certificate}, {names.key_file, ""}}));
    CHECK(issuer() == "mx.example.com");
    CHECK(server->renew({{names.cert_file, file("ca.pem")}, {names.key_file, file("ca.key")}}));
    CHECK(issuer() == "Test CA");
}
