#include "lib/access/message_file.h"

namespace relais {

Result<MessageFile> MessageFile::open(Mailbox& box, const MailMessage& message) {
    auto stored = box.read(message);
    if (!stored) {
        return fail_with(stored);
    }
    return MessageFile(std::move(*stored));
}

}  // namespace relais
