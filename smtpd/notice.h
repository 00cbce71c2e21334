// Notices to the postmaster about sessions that went wrong (lib/ipc/session_notice.h): what kind of
// trouble a reply is, and when they are sent.
#pragma once

#include <string_view>

#include "lib/event/task.h"
#include "lib/ipc/session_notice.h"

namespace relais::smtpd {

class Session;

// What kind of trouble a reply tells of; 0 for none.
[[nodiscard]] unsigned notice_class_of(std::string_view reply);

// Sends the notice.
[[nodiscard]] Task<void> send_notice(const Session& session);

// Where one conversation ends and another may begin: a transcript that has grown beyond
// smtpd_history_flush_threshold lines is sent, if there was trouble, and forgotten.
[[nodiscard]] Task<void> shorten_transcript(Session& session);

}  // namespace relais::smtpd
