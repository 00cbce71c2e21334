// doveadm dsync-server: the other end of sync and backup, over standard input and output.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "lib/event/stream.h"
#include "lib/sync/local_replica.h"
#include "lib/sync/remote_replica.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"
#include "tools/doveadm/sync_options.h"

namespace relais::doveadm {

namespace {

// Reads from standard input, and writes to standard output; the latter blocks, for there is nothing
// else to do.
class StandardTransport : public Transport {
  public:
    IoOutcome read(std::span<char> into) override { return input_->read(into); }

    IoOutcome write(std::string_view bytes) override {
        for (;;) {
            ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
            if (put >= 0) {
                return {IoStatus::kDone, static_cast<std::size_t>(put), 0, {}};
            }
            pollfd wait{STDOUT_FILENO, POLLOUT, 0};
            bool again = errno == EINTR || (errno == EAGAIN && ::poll(&wait, 1, kPatience) > 0);
            if (!again) {
                return {IoStatus::kFailed, 0, errno, std::strerror(errno)};
            }
        }
    }

    bool has_pending() const override { return false; }

  private:
    static constexpr int kPatience = 600'000;  // milliseconds

    std::unique_ptr<Transport> input_ = plain_transport(STDIN_FILENO);
};

class DsyncServer : public MailCommand {
  public:
    bool prepare(const OptionWords& options) override {
        options.expect_at_most(0);
        patience_ = patience_option(options, patience_);
        return true;
    }

    Task<void> run(MailContext* context) override {
        Stream stream(UniqueFd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)));
        stream.set_transport(std::make_unique<StandardTransport>());
        stream.set_timeout(patience_);
        LocalReplica replica(context->user);
        auto served = co_await serve_replica(&replica, &stream);
        if (!served) {
            context->fail(kTemporary, served.error().message);
        }
    }

  private:
    std::chrono::seconds patience_ = std::chrono::minutes(30);
};

}  // namespace

int cmd_dsync_server(const Command& command, Words words, const Globals& globals) {
    return run_for_users<DsyncServer>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
