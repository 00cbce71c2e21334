// A message, read as a whole: whoever cuts short a file that is mapped kills the process.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "lib/base/result.h"
#include "lib/store/mailbox.h"

namespace relais {

class MessageFile {
  public:
    // kNotFound when the message is gone (or was renamed since the last sync).
    [[nodiscard]] static Result<MessageFile> open(Mailbox& box, const MailMessage& message);

    std::string_view text() const { return stored_.text; }

    std::int64_t received() const { return stored_.received; }

  private:
    explicit MessageFile(StoredMessage stored) : stored_(std::move(stored)) {}

    StoredMessage stored_;
};

}  // namespace relais
