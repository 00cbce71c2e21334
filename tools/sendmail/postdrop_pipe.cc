#include "tools/sendmail/postdrop_pipe.h"

#include <array>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/ipc/postdrop_reply.h"

namespace relais {

namespace {

constexpr std::size_t kFlushSize = 32768;
constexpr std::size_t kMaxReply = 65536;

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Pipe make_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        log_fatal("{}", fail_errno("pipe").error().message);
    }
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

PostdropPipe::PostdropPipe(std::string submitter)
    : submitter_(std::move(submitter)), command_(conf().command_directory() + "/postdrop") {
    Pipe input = make_pipe();
    Pipe output = make_pipe();
    ChildSpec spec;
    spec.argv = {command_, "-r"};
    for (int level = log_verbose(); level > 0; --level) {
        spec.argv.emplace_back("-v");
    }
    spec.environment = imported_environment();
    spec.input = input.read.get();
    spec.output = output.write.get();
    spec.error = STDERR_FILENO;
    const ForkPatience patience{conf().fork_attempts(), conf().fork_delay()};
    auto child = Loop::current().run_task(Child::start(std::move(spec), patience));
    if (!child) {
        log_fatal("{}: unable to execute {} -r: {}", submitter_, command_, child.error().message);
    }
    child_ = std::move(*child);
    to_ = std::move(input.write);
    from_ = std::move(output.read);
}

PostdropPipe::~PostdropPipe() = default;

void PostdropPipe::put(Rec type, std::string_view data) {
    append_record(pending_, type, data);
    if (pending_.size() >= kFlushSize) {
        flush();
    }
}

void PostdropPipe::put_attribute(std::string_view name, std::string_view value) {
    append_attribute(pending_, name, value);
}

void PostdropPipe::flush() {
    if (auto written = write_all(to_.get(), pending_); !written) {
        // postdrop has said why, or says so now.
        Loop::current().run_task(child_->wait());
        log_fatal("{}: unable to execute {} -r: {}", submitter_, command_, written.error().message);
    }
    pending_.clear();
}

void PostdropPipe::finish() {
    flush();
    to_.reset();
    auto reply = read_all(from_.get(), kMaxReply);
    ChildStatus ended = Loop::current().run_task(child_->wait());
    auto verdict = reply ? postdrop_outcome(*reply) : std::nullopt;
    if (!verdict) {
        if (ended.exit_status == 0) {
            log_fatal("{}: mail-queue write error", submitter_);
        }
        log_fatal("{}: unable to execute {} -r: Success", submitter_, command_);
    }
    AttrReader reader(*verdict);
    unsigned status = reader.number("status");
    std::string reason = reader.string("reason");
    if (reader.failed()) {
        log_fatal("{}: mail-queue write error", submitter_);
    }
    if (ended.exit_status != 0 && !reason.empty()) {
        log_warning("mail_stream_cleanup: close error");
    }
    if (status != kCleanupOk) {
        log_fatal("{}: {}", submitter_,
                  reason.empty() ? std::string(cleanup_status_text(status).text) : reason);
    }
}

}  // namespace relais
