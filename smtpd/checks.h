// When which restrictions are asked: one function for each stage of the session.  Each returns the
// reply that refuses the command, or "" where it may go on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/task.h"

#include "smtpd/dnsbl.h"

namespace relais::smtpd {

class Session;

// A refusal that waits: for the end of the restrictions (defer_if_permit), or to soften the next
// reject (defer_if_reject).
using PendingDefer = std::optional<std::string>;

// What the checks of one session remember.
struct CheckState {
    PendingDefer defer_if_permit;  // of the current check
    PendingDefer defer_if_reject;
    // What was pending when a stage was done: a later one begins with that, and only the last, at
    // RCPT or ETRN, makes it a refusal.
    PendingDefer after_client, after_helo, after_sender;
    bool recipient_listed_checked = false;  // reject_unlisted_recipient was done
    bool sender_listed_checked = false;
    std::map<std::string, DnsblAnswer> dnsbl_answers;  // by query
    std::string access_denied;  // not empty: the connection itself was refused
};

[[nodiscard]] Task<std::string> check_client(Session& session);
[[nodiscard]] Task<std::string> check_helo(Session& session);
[[nodiscard]] Task<std::string> check_sender(Session& session);
[[nodiscard]] Task<std::string> check_recipient(Session& session, std::string recipient);
[[nodiscard]] Task<std::string> check_etrn(Session& session, std::string domain);
[[nodiscard]] Task<std::string> check_data(Session& session);
[[nodiscard]] Task<std::string> check_end_of_data(Session& session);

// The size that MAIL announces, and the room on the queue's file system.
[[nodiscard]] std::string check_size(Session& session, std::uint64_t size);
[[nodiscard]] std::string check_queue_space(Session& session);

}  // namespace relais::smtpd
