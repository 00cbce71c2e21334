// Arguments and replies that several commands share.
#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

constexpr std::size_t kMaxKeywordName = 50;

struct NamedFlag {
    std::string_view name;
    std::uint8_t bit;
};

constexpr std::array<NamedFlag, 5> kFlags = {{{"\\Answered", MessageFlags::kAnswered},
                                              {"\\Deleted", MessageFlags::kDeleted},
                                              {"\\Draft", MessageFlags::kDraft},
                                              {"\\Flagged", MessageFlags::kFlagged},
                                              {"\\Seen", MessageFlags::kSeen}}};

}  // namespace

Reply bad_arguments(const Command& command, std::string_view text, std::string_view code) {
    return Reply::bad(format("{}Error in IMAP command {}{}: {}",
                             code.empty() ? "" : format("[{}] ", code), command.uid ? "UID " : "",
                             printable(command.name), text));
}

Reply failure(const Error& error) {
    // RFC 5530 names these; the log has the details, the client the gist.
    switch (error.sys_errno) {
        case ENOSPC:
        case EDQUOT:
            log_warning("{}", error.message);
            return Reply::no("[OVERQUOTA] Not enough disk space");
        case EACCES:
        case EPERM:
        case EROFS:
            log_warning("{}", error.message);
            return Reply::no("[NOPERM] Permission denied");
        case EEXIST:
            return Reply::no("[ALREADYEXISTS] Mailbox already exists");
        case EXDEV:
            return Reply::no("[CANNOT] " + printable(error.message));
        case ENAMETOOLONG:
            return Reply::no("[CANNOT] Name is too long");
        default:
            break;
    }
    if (error.code == Errc::kTemporary) {
        log_warning("{}", error.message);
        return Reply::no("[INUSE] " + printable(error.message));
    }
    log_warning("{}", error.message);
    return Reply::no(
        "[SERVERBUG] Internal error occurred. Refer to server log for more information.");
}

std::optional<std::string> mailbox_argument(Session& session, Command& command) {
    auto name = command.arguments.mailbox();
    return name ? session.name_from_client(*name) : std::nullopt;
}

void take_names(Session& session, imap::MailboxFilter& filter) {
    std::vector<std::string> names;
    for (const std::string& name : filter.names) {
        if (auto known = session.name_from_client(name)) {
            names.push_back(std::move(*known));
        }
    }
    std::ranges::sort(names);
    filter.names = std::move(names);
}

std::expected<std::vector<std::uint32_t>, Reply> message_set_argument(Session& session,
                                                                      Command& command) {
    if (command.arguments.accept('$')) {
        return session.selected->pick_saved();
    }
    auto text = command.arguments.sequence_text();
    auto set = text ? imap::SequenceSet::parse(*text) : std::nullopt;
    if (!set) {
        return std::unexpected(bad_arguments(command, "Invalid messageset"));
    }
    auto uids = session.selected->pick(*set, command.with_uid());
    if (!uids) {
        return std::unexpected(bad_arguments(command, "Invalid messageset"));
    }
    return *uids;
}

std::optional<FlagNames> parse_flag_names(const std::vector<std::string>& flags) {
    FlagNames names;
    for (const std::string& flag : flags) {
        if (!flag.starts_with('\\')) {
            if (flag.size() > kMaxKeywordName) {
                return std::nullopt;
            }
            names.keywords.push_back(flag);
            continue;
        }
        auto known = std::ranges::find_if(
            kFlags, [&flag](const NamedFlag& entry) { return iequals(entry.name, flag); });
        if (known == kFlags.end()) {
            return std::nullopt;  // \Recent, or an invention
        }
        names.system |= known->bit;
    }
    return names;
}

}  // namespace relais
