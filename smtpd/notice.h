// Notices to the postmaster about sessions that went wrong (notify_classes): what went wrong, and
// the transcript of the session.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"

namespace relais::smtpd {

class Session;

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

// What kind of trouble a reply tells of; 0 for none.
[[nodiscard]] unsigned notice_class_of(std::string_view reply);

// The conversation as it will be shown.  Only so much of it is kept.
class Transcript {
  public:
    void in(std::string_view line) { add(" In:  ", line); }

    // `reply` with "\n" between its lines, formatted for the wire.
    void out(std::string_view reply);

    const std::string& lines() const { return lines_; }

    void clear() { std::string().swap(lines_); }

  private:
    void add(std::string_view prefix, std::string_view line);

    std::string lines_;
};

// Sends the notice.
[[nodiscard]] Task<void> send_notice(const Session& session);

}  // namespace relais::smtpd
