// Which connections status_request() keeps for the next request.
#include <filesystem>
#include <vector>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/event/errors.h"
#include "lib/event/socket.h"
#include "lib/event/task_group.h"
#include "lib/ipc/service_client.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::string_literals;

namespace {

const std::string kGreeting = "protocol\0test_protocol\0\0"s;
const std::string kYes = "status\0007\0\0"s;
const std::string kRequest = "request\0x\0\0"s;

// A service that writes, on its n-th connection, the texts of script n: one at once and one behind
// each request; then it hangs up.
class Service {
  public:
    explicit Service(std::vector<std::vector<std::string>> scripts)
        : scripts_(std::move(scripts)), listener_(bind()) {
        serving_.spawn(serve());
    }

    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    ~Service() { std::filesystem::remove_all(folder_); }

    Task<Result<int>> ask() {
        ServiceAddress address{.socket = folder_ + "/s", .protocol = "test_protocol"};
        auto status = co_await status_request(address, kRequest, std::chrono::seconds(5));
        co_return status;
    }

    Task<void> close() { co_await serving_.close(); }

    std::size_t connections() const { return connections_; }

  private:
    UniqueFd bind() {
        std::string name = "/tmp/status_request.XXXXXX";
        folder_ = ::mkdtemp(name.data());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        (folder_ + "/s").copy(address.sun_path, sizeof address.sun_path - 1);
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(fd.get(), 5) == 0);
        return fd;
    }

    Task<void> serve() {
        while (connections_ < scripts_.size()) {
            UniqueFd fd = co_await listener_.accept();
            serving_.spawn(converse(std::move(fd), &scripts_[connections_++]));
        }
    }

    static Task<void> converse(UniqueFd fd, const std::vector<std::string>* script) {
        Stream client(std::move(fd));
        try {
            for (const std::string& text : *script) {
                client.write(text);
                bool more = co_await client.fill();
                if (!more) {
                    co_return;
                }
                client.consume(client.buffered().size());
            }
        } catch (const IoError&) {
            // The client has hung up.
        }
    }

    std::vector<std::vector<std::string>> scripts_;
    std::string folder_;
    Listener listener_;
    TaskGroup serving_;
    std::size_t connections_ = 0;
};

Task<std::vector<int>> ask_often(Service* service, int times) {
    std::vector<int> statuses;
    for (int i = 0; i < times; ++i) {
        auto status = co_await service->ask();
        statuses.push_back(status.value_or(-1));
        co_await sleep_for(std::chrono::milliseconds(20));
    }
    co_await service->close();
    co_return statuses;
}

// How many connections that many requests took, all of which were answered.
std::size_t connections_for(int requests, std::vector<std::vector<std::string>> scripts) {
    Service service(std::move(scripts));
    auto statuses = Loop::current().run_task(ask_often(&service, requests));
    CHECK(statuses == std::vector<int>(static_cast<std::size_t>(requests), 7));
    return service.connections();
}

}  // namespace

TEST_CASE("ipc/status_request: a server that greets again is asked again") {
    const std::string again = kYes + kGreeting;
    CHECK(connections_for(3, {{kGreeting, again, again, again}, {kGreeting, kYes}}) == 1);
}

TEST_CASE("ipc/status_request: one that hangs up, as Postfix's do, is asked once") {
    CHECK(connections_for(2, {{kGreeting, kYes}, {kGreeting, kYes}, {kGreeting, kYes}}) == 2);
}

TEST_CASE("ipc/status_request: one that says anything else behind the reply is asked once") {
    for (const std::string& more : {"protocol\0another\0\0"s, kGreeting + "x", "protocol"s}) {
        CHECK(connections_for(2, {{kGreeting, kYes + more, kYes}, {kGreeting, kYes}}) == 2);
    }
}

TEST_CASE("ipc/status_request: one that greets again and goes is no trouble") {
    // Before the next request, and instead of an answer to it.
    const std::string again = kYes + kGreeting;
    CHECK(connections_for(2, {{kGreeting, again}, {kGreeting, kYes}}) == 2);
}

TEST_CASE("ipc/status_request: a new connection that is closed without a reply is an error") {
    Service service({{kGreeting}, {kGreeting}});
    auto statuses = Loop::current().run_task(ask_often(&service, 1));
    CHECK(statuses == std::vector<int>{-1});
    CHECK(service.connections() == 1);
}
