// What access control lists (RFC 4314) make of commands.
#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "imapd/imap/commands.h"

namespace relais {

Reply no_mailbox(std::string_view name, std::string_view code) {
    return Reply::no("[" + std::string(code) + "] Mailbox doesn't exist: " + printable(name));
}

Reply no_permission() {
    return Reply::no("[NOPERM] Permission denied");
}

std::expected<AclRights, Reply> rights_for(Session& session, const std::string& name,
                                           AclRights needed, std::string_view absent) {
    const AccessControl& access = session.user.access();
    AclRights rights =
        session.user.tree().exists(name) || name == "INBOX" ? access.rights_on(name) : AclRights();
    if (!rights.has(needed) || rights.empty()) {
        bool seen = rights.has(AclRights::of("l"));
        return std::unexpected(seen ? no_permission() : no_mailbox(name, absent));
    }
    if (!session.user.tree().ready(name)) {
        return std::unexpected(no_mailbox(name, absent));
    }
    return rights;
}

std::optional<Reply> refuse_mailbox(Session& session, const std::string& name, AclRights needed,
                                    std::string_view absent) {
    auto rights = rights_for(session, name, needed, absent);
    return rights ? std::nullopt : std::optional(std::move(rights.error()));
}

std::string with_uid_code(Session& session, const std::string& mailbox, std::string_view code,
                          std::string_view text) {
    bool readable = session.user.access().rights_on(mailbox).has(AclRights::of("r"));
    return readable ? format("[{}] {}", code, text) : std::string(text);
}

FlagLimits flag_limits(Session& session, const std::string& name) {
    return FlagLimits::of(session.user.access().rights_on(name));
}

void limit_flags(FlagLimits limits, std::vector<NewMessage>& messages) {
    for (NewMessage& message : messages) {
        message.flags.system &= limits.system;
        if (!limits.keywords) {
            message.keywords.clear();
        }
    }
}

}  // namespace relais
