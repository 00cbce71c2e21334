// Notices to the postmaster about sessions that went wrong (notify_classes), with the transcript of
// the session: of smtpd(8) about clients, of smtp(8) about servers.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"

namespace relais {

// Classes of trouble, as notify_classes names them.
enum NoticeClass : unsigned {
    kNoticeBounce = 1,
    kNoticeData = 2,
    kNoticePolicy = 4,
    kNoticeProtocol = 8,
    kNoticeResource = 16,
    kNoticeSoftware = 32,
};

// The set that notify_classes names.  A word that is no class ends the process.
[[nodiscard]] unsigned parse_notice_classes(std::string_view text);

// The conversation as it will be shown.  Only so much of it is kept.
class Transcript {
  public:
    void in(std::string_view line) { add(" In:  ", line); }

    // A command, or a reply with "\n" between its lines, formatted for the wire.
    void out(std::string_view text);

    const std::string& lines() const { return lines_; }

    void clear() {
        std::string().swap(lines_);
        count_ = 0;
    }

    int count() const { return count_; }

  private:
    void add(std::string_view prefix, std::string_view line);

    std::string lines_;
    int count_ = 0;
};

struct SessionNotice {
    std::string recipient;  // of the envelope; the header names error_notice_recipient
    std::string subject;    // behind mail_name
    std::string lead;       // stands before the transcript; may be empty
};

// Sends it.  A failure is logged.
[[nodiscard]] Task<void> send_session_notice(SessionNotice notice, std::string transcript);

}  // namespace relais
