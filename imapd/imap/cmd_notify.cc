// NOTIFY.  RFC 5465
#include "lib/access/annotations.h"
#include "lib/base/format.h"
#include "lib/imap/notify_request.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/notifier.h"

namespace relais {

namespace {

std::string event_names() {
    std::string names(imap::kNotifyEventNames);
    return Annotations::on() ? names + " " + std::string(imap::kMetadataEventNames) : names;
}

Reply refusal(const Command& command, const Error& error) {
    switch (error.code) {
        case Errc::kDenied:  // RFC 5465 3.1: with the events that there are
            return Reply::no(format("[BADEVENT ({})] {}", event_names(), error.message));
        case Errc::kTooLarge:
            return Reply::no("[NOTIFICATIONOVERFLOW] " + error.message);
        default:
            return bad_arguments(command, error.message);
    }
}

}  // namespace

// Where it is refused, what was asked for before stays in force.  What has gathered in the selected
// mailbox is told before the answer, as with any command.
Task<Reply> cmd_notify(Session& session, Command& command) {
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    auto request = imap::parse_notify(command.arguments);
    if (!request) {
        co_return refusal(command, request.error());
    }
    if (!Annotations::on() && request->events().about_metadata()) {
        co_return refusal(command, {Errc::kDenied, "There are no annotations."});
    }
    auto notifier = std::make_unique<Notifier>(session, std::move(*request));
    auto begun = co_await notifier->begin();
    if (!begun) {
        co_return begun.error();
    }
    session.notifier = std::move(notifier);
    co_return Reply::ok("NOTIFY completed.");
}

}  // namespace relais
