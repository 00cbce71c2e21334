// pipe(8): delivers by running a command: the message on its standard input, sender and recipients
// in its command line.  Called by qmgr.  It believes master.cf, which says what to run and as whom
// (never root, never mail_owner); sender, recipients and message are hostile, and no shell sees
// them unless master.cf names one.
//
// The process keeps root as its real uid to give its children other identities; its effective ids
// are mail_owner's.  It serves many requests at once, each with a child of its own.
//
//   attributes.h     what master.cf says
//   command_line.h   the macros
//   here             the delivery, and what is reported
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/privileges.h"
#include "lib/deliver/command.h"
#include "lib/deliver/delivered_headers.h"
#include "lib/deliver/delivery.h"
#include "lib/deliver/identity.h"
#include "lib/deliver/status_filter.h"
#include "lib/maps/shared_tables.h"

#include "services/pipe/attributes.h"
#include "services/pipe/command_line.h"

using namespace relais;
using namespace relais::pipe_agent;

namespace {

// Of what the command says when all is well, so many bytes are reported.
constexpr std::size_t kMostSaid = 100;

class PipeDaemon : public Daemon {
  public:
    void before_jail() override;
    void after_jail() override;

    Task<void> serve(Connection connection) override {
        auto deliver = [this](Delivery* delivery) { return deliver_all(delivery); };
        co_await serve_delivery(std::move(connection.fd), deliver);
    }

    std::optional<std::string> changed_table() override { return changed_shared_table(); }

  private:
    [[nodiscard]] Task<void> deliver_all(Delivery* delivery);
    [[nodiscard]] Task<DeliveryStatus> run(Delivery* delivery) const;
    std::optional<DeliveryStatus> objection_to(Delivery& delivery) const;
    std::optional<DeliveryStatus> misconfigured(const Delivery& delivery) const;
    MessageCopy copy_of(const Delivery& delivery) const;

    std::string service_ = process_info().service_name;
    Result<PipeAttributes> attributes_;
    Result<CommandLine> command_line_;
    std::vector<std::string> environment_;
    std::chrono::seconds time_limit_{};
    std::unique_ptr<FileIdentity> identity_;
};

void PipeDaemon::before_jail() {
    use_status_filter("pipe_delivery_status_filter", conf().pipe_delivery_status_filter());
    attributes_ = parse_attributes(process_info().arguments);
    if (attributes_) {
        command_line_ =
            CommandLine::parse(*attributes_, conf().config_directory() + "/master.cf", service_);
    }
}

void PipeDaemon::after_jail() {
    time_limit_ = conf().transport_time(service_, "_time_limit");
    environment_ = exported_environment();
    identity_ = std::make_unique<FileIdentity>(mail_owner_ids(conf().mail_owner()));
}

DeliveryStatus configuration_error() {
    return DeliveryStatus::of(DsnCode(4, 3, 5), "mail system configuration error");
}

// Headers that name one recipient cannot be in a message to several.
std::optional<DeliveryStatus> PipeDaemon::misconfigured(const Delivery& delivery) const {
    for (const auto& [flag, letter] : {std::pair(kDeliveredTo, 'D'), std::pair(kOriginalTo, 'O')}) {
        if (attributes_->has(flag)) {
            if (auto why = refuse_several(delivery.request, "pipe flag", letter, service_)) {
                return why;
            }
        }
    }
    return std::nullopt;
}

// Why the command is not run.
std::optional<DeliveryStatus> PipeDaemon::objection_to(Delivery& delivery) const {
    const DeliveryRequest& request = delivery.request;
    if (auto wrong = misconfigured(delivery)) {
        return wrong;
    }
    if (attributes_->size_limit > 0 && request.data_size > attributes_->size_limit) {
        return DeliveryStatus::of(DsnCode(5, 2, 3), "message too large");
    }
    if (delivery.is_probe()) {
        return DeliveryStatus::of(DsnCode(2, 0, 0),
                                  "delivers to command: " + attributes_->command.front());
    }
    if (attributes_->has(kDeliveredTo)) {
        const std::string& recipient = request.recipients.front().address;
        const auto headers = DeliveredHeaders::read(delivery);
        if (!headers) {
            delivery.note_unread(headers.error());
            return DeliveryStatus::of(DsnCode(4, 3, 0),
                                      "error reading message: " + headers.error().message);
        }
        if (headers->contains(recipient)) {
            return DeliveryStatus::of(DsnCode(5, 4, 6), "mail forwarding loop for " + recipient);
        }
    }
    if (!command_line_) {
        log_warning("{}", command_line_.error().message);
        return configuration_error();
    }
    return std::nullopt;
}

MessageCopy PipeDaemon::copy_of(const Delivery& delivery) const {
    const auto& request = delivery.request;
    const auto& recipient = request.recipients.front();
    const auto addition = [this](Flag flag, unsigned bit) {
        return attributes_->has(flag) ? bit : 0U;
    };
    MessageCopy copy;
    copy.sender = request.sender.empty() ? attributes_->null_sender : request.sender;
    copy.original_to = attributes_->has(kOriginalTo) ? recipient.original : "";
    copy.delivered_to = attributes_->has(kDeliveredTo) ? recipient.address : "";
    copy.additions = addition(kFromLine, copy_addition::kFromLine) |
                     addition(kReturnPath, copy_addition::kReturnPath) |
                     addition(kQuoteFromLines, copy_addition::kQuoteFrom) |
                     addition(kQuoteDots, copy_addition::kQuoteDot) |
                     addition(kEmptyLine, copy_addition::kEmptyLine);
    copy.end_of_line = attributes_->end_of_line;
    copy.when = delivery.times.agent_handoff.tv_sec;
    return copy;
}

// What the command makes of it.
Task<DeliveryStatus> PipeDaemon::run(Delivery* delivery) const {
    CommandSpec spec;
    spec.argv = command_line_->expand(delivery->request);
    spec.command = spec.argv.front();
    spec.environment = environment_;
    spec.root = attributes_->root;
    spec.directory = attributes_->directory;
    spec.user = attributes_->user;
    spec.time_limit = time_limit_;
    spec.copy = copy_of(*delivery);
    DeliveryStatus status = co_await deliver_to_command(delivery, std::move(spec));
    if (status.code().success()) {
        std::string_view said = std::string_view(status.reason).substr(0, kMostSaid);
        std::string in_brackets = said.empty() ? "" : format(" ({})", said);
        status.reason = format("delivered via {} service{}", service_, in_brackets);
        status.action = attributes_->has(kFinalDelivery) ? "delivered" : "relayed";
    }
    co_return status;
}

Task<void> PipeDaemon::deliver_all(Delivery* delivery) {
    if (!attributes_) {
        log_fatal("{}", attributes_.error().message);
    }
    auto status = objection_to(*delivery);
    if (!status) {
        status = co_await run(delivery);
    }
    for (const Recipient& recipient : delivery->request.recipients) {
        if (status->code().success()) {
            co_await delivery->sent(recipient, *status, service_);
        } else {
            co_await delivery->failed(recipient, *status, service_);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    DaemonTraits traits;
    traits.name = "pipe";
    traits.privilege = Privilege::kRoot;
    // No sandbox: the commands may be set-uid or set-gid, as sendmail's postdrop is.
    traits.sandbox = nullptr;
    return run_daemon(argc, argv, traits, [] { return std::make_unique<PipeDaemon>(); });
}
