// Where the list of postqueue comes from: the showq service, or a showq of its own.
#include <array>
#include <cstdio>
#include <memory>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/event/child.h"
#include "lib/event/loop.h"
#include "lib/event/stream.h"
#include "lib/ipc/service_client.h"

#include "tools/postqueue/queue_report.h"

namespace relais {

namespace {

constexpr std::string_view kProtocol = "mail_queue_list_protocol";

Task<Result<void>> print_messages(Stream* stream, ReportForm form) {
    TextReport text(conf().enable_long_queue_ids() ? TextReport::Ids::kLong
                                                   : TextReport::Ids::kShort);
    for (;;) {
        auto attributes = co_await read_attributes(stream, AttrEncoding::kNul, SIZE_MAX);
        if (!attributes) {
            co_return fail_with(attributes);
        }
        if (attributes->empty()) {
            break;
        }
        auto message = parse_queued_message(*attributes);
        if (!message) {
            co_return fail_with(message);
        }
        std::string out =
            form == ReportForm::kJson ? format_json(*message) : text.message(*message);
        std::fwrite(out.data(), 1, out.size(), stdout);
    }
    if (form == ReportForm::kText) {
        std::fputs(text.end().c_str(), stdout);
    }
    co_return Result<void>{};
}

Task<void> print_report(std::unique_ptr<Stream> stream, ReportForm form) {
    Result<void> printed;
    try {
        printed = co_await print_messages(stream.get(), form);
    } catch (const IoError& error) {
        printed = fail(Errc::kClosed, error.what());
    } catch (const TimedOut& error) {
        printed = fail(Errc::kTemporary, error.what());
    }
    bool shown = std::fflush(stdout) == 0;
    if (!printed) {
        log_fatal("malformed showq server response: {}", printed.error().message);
    }
    if (!shown) {
        log_fatal("output error");
    }
}

// showq with the queue as its working directory and a socket as its client.
Child start_showq(int socket) {
    ChildSpec spec;
    spec.argv = {conf().daemon_directory() + "/showq", "-u", "-S"};
    spec.environment = imported_environment();
    spec.input = socket;
    spec.output = socket;
    spec.error = STDERR_FILENO;
    auto child = Child::start(spec);
    if (!child) {
        log_fatal("{}", child.error().message);
    }
    return std::move(*child);
}

Task<void> read_directly(ReportForm form, const SandboxTable* sandbox) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        log_fatal("{}", fail_errno("socketpair").error().message);
    }
    UniqueFd ours(fds[0]);
    UniqueFd theirs(fds[1]);
    Child showq = start_showq(theirs.get());
    theirs.reset();
    enter_sandbox(*sandbox);
    auto stream = std::make_unique<Stream>(std::move(ours));
    auto hello = co_await read_attributes(stream.get());
    if (!hello || hello->empty() || hello->front().second != kProtocol) {
        log_fatal("showq does not answer");
    }
    co_await print_report(std::move(stream), form);
    co_await showq.wait();
}

Task<void> list(ReportForm form, const SandboxTable* sandbox) {
    ServiceAddress address{"public/" + conf().showq_service_name(), std::string(kProtocol)};
    auto stream = co_await connect_service(address, conf().ipc_timeout());
    if (stream) {
        enter_sandbox(*sandbox);
        co_await print_report(std::move(*stream), form);
        co_return;
    }
    // "connect to SOCKET: why"
    std::string why = stream.error().message;
    why = why.substr(why.rfind(": ") == std::string::npos ? 0 : why.rfind(": ") + 2);
    std::string detail = "Connect to the Postfix showq service: " + why;
    if (::getuid() != 0) {
        log_fatal("Queue report unavailable - mail system is down ({})", detail);
    }
    log_warning("Mail system is down -- accessing queue directly ({})", detail);
    co_await read_directly(form, sandbox);
}

}  // namespace

void list_queue(ReportForm form, const SandboxTable& sandbox) {
    // Not a page at a time: the list may be long.
    static std::array<char, 65536> buffer;
    std::setvbuf(stdout, buffer.data(), _IOFBF, buffer.size());
    Loop::current().run_task(list(form, &sandbox));
}

}  // namespace relais
