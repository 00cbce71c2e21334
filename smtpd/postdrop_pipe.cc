// Mail through postdrop: see the header.
#include "smtpd/postdrop_pipe.h"

#include <array>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/config/config.h"
#include "lib/event/child.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais::smtpd {
namespace {

constexpr auto kPostdropWait = std::chrono::minutes(5);

std::vector<std::string> postdrop_environment() {
    return {"MAIL_CONFIG=" + config_directory_from(ConfigOptions()),
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
}

}  // namespace

Task<Result<std::unique_ptr<CleanupClient>>> open_postdrop() {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
        co_return fail_errno("socketpair");
    }
    auto stream = std::make_unique<Stream>(UniqueFd(pair[0]));
    const UniqueFd theirs(pair[1]);
    ChildSpec spec;
    spec.argv = {conf().command_directory() + "/postdrop", "-r"};
    spec.environment = postdrop_environment();
    spec.input = theirs.get();
    spec.output = theirs.get();
    spec.error = STDERR_FILENO;
    // Its answer tells how it ended; nobody waits for the process itself, which init reaps.
    const ForkPatience patience{conf().fork_attempts(), conf().fork_delay()};
    const auto child = co_await Child::start(std::move(spec), patience);
    if (!child) {
        co_return fail_with(child);
    }
    stream->set_timeout(kPostdropWait);
    const auto hello = co_await read_attributes(stream.get());
    if (!hello) {
        co_return fail_with(hello);
    }
    AttrReader reader(*hello);
    const auto protocol = reader.string("protocol");
    auto queue_id = reader.string("queue_id");
    if (reader.failed() || protocol != "postdrop_protocol") {
        co_return fail(Errc::kCorrupt, "postdrop: unexpected answer");
    }
    co_return CleanupClient::over(std::move(stream), std::move(queue_id));
}

}  // namespace relais::smtpd
