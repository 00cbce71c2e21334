#include "imapd/imap/message_limit.h"

#include "lib/base/format.h"
#include "lib/config/config.h"

namespace relais {

std::size_t message_limit() {
    return static_cast<std::size_t>(conf().imap_message_limit());
}

std::size_t save_limit() {
    return message_limit() > 0 ? message_limit()
                               : static_cast<std::size_t>(conf().imap_save_limit());
}

std::string limit_capability() {
    if (message_limit() > 0) {
        return format(" MESSAGELIMIT={}", message_limit());
    }
    return save_limit() > 0 ? format(" SAVELIMIT={}", save_limit()) : "";
}

CutToLimit::CutToLimit(std::vector<std::uint32_t>& uids) {
    std::size_t limit = message_limit();
    if (limit > 0 && uids.size() > limit) {
        uids.erase(uids.begin(), uids.end() - static_cast<std::ptrdiff_t>(limit));
        stopped_at_ = uids.front();
    }
}

Reply CutToLimit::mark(Session& session, Reply reply) const {
    if (!cut() || reply.kind != Reply::Kind::kOk) {
        return reply;
    }
    std::string code = format("[MESSAGELIMIT {} {}]", message_limit(), *stopped_at_);
    if (reply.text.starts_with('[')) {
        session.stream.write(format("* NO {} There are more messages.\r\n", code));
    } else {
        reply.text = code + " " + reply.text;
    }
    return reply;
}

Reply over_limit(std::size_t limit) {
    return Reply::no(format("[MESSAGELIMIT {}] These are too many messages.", limit));
}

}  // namespace relais
