// SEARCH.  RFC 3501 6.4.4, RFC 4731 (ESEARCH)
#include "lib/base/format.h"
#include "lib/imap/format.h"
#include "lib/imap/search_key.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/search_match.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 100;

std::string plain_response(const std::vector<std::uint32_t>& found) {
    std::string out = "* SEARCH";
    for (std::uint32_t number : found) {
        out += ' ';
        out += std::to_string(number);
    }
    return out + "\r\n";
}

// RFC 4731 3.1
std::string extended_response(const Command& command, const imap::SearchCommand::Return& wanted,
                              const std::vector<std::uint32_t>& found) {
    std::string out = "* ESEARCH (TAG ";
    imap::append_string(out, command.tag);
    out += command.uid ? ") UID" : ")";
    if (wanted.min && !found.empty()) {
        out += format(" MIN {}", found.front());
    }
    if (wanted.max && !found.empty()) {
        out += format(" MAX {}", found.back());
    }
    if (wanted.all && !found.empty()) {
        imap::SequenceSet set;
        for (std::uint32_t number : found) {
            set.add(number);
        }
        out += " ALL " + set.to_string();
    }
    if (wanted.count) {
        out += format(" COUNT {}", found.size());
    }
    return out + "\r\n";
}

Task<std::vector<std::uint32_t>> find_messages(Session& session, imap::SearchKey key,
                                               WithUid with_uid) {
    Selected& selected = *session.selected;
    std::vector<std::uint32_t> found;
    SearchMatch match(selected, std::move(key));
    Mailbox::Uids uids = selected.box().uids();
    for (std::size_t i = 0; i < uids->size(); ++i) {
        const MailMessage* message = selected.box().find((*uids)[i]);
        auto sequence = selected.sequence_of((*uids)[i]);
        if (message != nullptr && sequence) {
            MailMessage copy = *message;
            if (match.matches(*sequence, copy)) {
                found.push_back(with_uid == WithUid::kYes ? copy.uid : *sequence);
            }
        }
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    co_return found;
}

}  // namespace

Task<Reply> cmd_search(Session& session, Command& command) {
    if (!command.arguments.space()) {
        co_return bad_arguments(command);
    }
    auto search = imap::parse_search(command.arguments);
    if (!search) {
        if (search.error().code == Errc::kDenied) {
            co_return Reply::no("[BADCHARSET] " + search.error().message);
        }
        co_return bad_arguments(command, search.error().message);
    }
    auto found = co_await find_messages(session, std::move(search->key), command.with_uid());
    session.selected->mailbox().cache.flush();
    session.stream.write(search->returns ? extended_response(command, *search->returns, found)
                                         : plain_response(found));
    co_return Reply::ok("Search completed.");
}

}  // namespace relais
