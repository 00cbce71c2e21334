// A message's file, read as a whole: whoever cuts short a file that is mapped kills the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/mailbox.h"

namespace relais {

class MessageFile {
  public:
    // kNotFound when the message is gone (or was renamed since the last sync).
    [[nodiscard]] static Result<MessageFile> open(Mailbox& box, const MailMessage& message);
    // The same for a path in the mailbox's directory; any thread may do it.
    [[nodiscard]] static Result<MessageFile> open(int directory, const std::string& path);

    std::string_view text() const { return text_; }

    std::int64_t received() const { return received_; }

  private:
    MessageFile() = default;

    std::string text_;
    std::int64_t received_ = 0;
};

}  // namespace relais
