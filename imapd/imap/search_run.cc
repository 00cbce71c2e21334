#include "imapd/imap/search_run.h"

#include <algorithm>
#include <numeric>

#include "lib/access/search_match.h"
#include "lib/base/format.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/progress.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 100;

}  // namespace

Task<std::vector<std::uint32_t>> find_messages(Session& session, imap::SearchKey key,
                                               std::string tag) {
    Selected& selected = *session.selected;
    if (key.kind == imap::SearchKey::Kind::kAll) {
        co_return selected.present();
    }
    std::vector<std::uint32_t> found;
    SearchMatch match(selected, std::move(key));
    Mailbox::Uids uids = selected.box().uids();
    Progress progress(session, std::move(tag), uids->size());
    for (std::size_t i = 0; i < uids->size(); ++i) {
        const MailMessage* message = selected.box().find((*uids)[i]);
        auto sequence = selected.sequence_of((*uids)[i]);
        if (message != nullptr && sequence) {
            MailMessage copy = *message;
            if (match.matches(*sequence, copy)) {
                found.push_back(copy.uid);
            }
        }
        if (progress.due()) {
            co_await progress.tell(i + 1);
        }
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    co_return found;
}

std::vector<std::uint32_t> told_numbers(Session& session, const Command& command,
                                        const std::vector<std::uint32_t>& uids) {
    if (command.uid) {
        return uids;
    }
    if (uids.size() == session.selected->count() && std::ranges::is_sorted(uids)) {
        std::vector<std::uint32_t> all(uids.size());
        std::iota(all.begin(), all.end(), 1U);
        return all;
    }
    std::vector<std::uint32_t> numbers;
    numbers.reserve(uids.size());
    for (std::uint32_t uid : uids) {
        if (auto sequence = session.selected->sequence_of(uid)) {
            numbers.push_back(*sequence);
        }
    }
    return numbers;
}

Reply search_refusal(Session& session, const Command& command,
                     const std::optional<imap::SearchReturn>& returns, const Error& error) {
    if (error.code != Errc::kDenied) {
        return bad_arguments(command, error.message);
    }
    if (returns && returns->save) {
        session.selected->saved.clear();
    }
    return Reply::no("[BADCHARSET] " + error.message);
}

std::expected<WithModseq, Reply> prepare_search(Session& session, const Command& command,
                                                const imap::SearchKey& key) {
    if (session.enabled.uid_only && key.uses_numbers()) {  // RFC 9586 3
        return std::unexpected(
            bad_arguments(command, "Message numbers are not possible.", "UIDREQUIRED"));
    }
    if (!key.uses_modseq()) {
        return WithModseq::kNo;
    }
    if (!session.enable_condstore()) {
        return std::unexpected(bad_arguments(command, "No permanent mod-sequences."));
    }
    return WithModseq::kYes;
}

namespace {

// The highest among those that are told: MIN and MAX alone are about two (RFC 4731 3.2).
std::optional<std::uint64_t> highest_modseq(Session& session,
                                            const std::optional<imap::SearchReturn>& returns,
                                            const std::vector<std::uint32_t>& uids) {
    std::uint64_t highest = 0;
    auto look = [&](std::uint32_t uid) {
        if (const MailMessage* message = session.selected->box().find(uid)) {
            highest = std::max(highest, session.selected->box().modseq_of(*message));
        }
    };
    if (!returns || returns->tells_many()) {
        std::ranges::for_each(uids, look);
    } else if (!uids.empty()) {
        if (returns->min) {
            look(uids.front());
        }
        if (returns->max) {
            look(uids.back());
        }
    }
    return highest > 0 ? std::optional(highest) : std::nullopt;
}

}  // namespace

void tell_results(Session& session, const Command& command,
                  std::optional<imap::SearchReturn> returns, const std::vector<std::uint32_t>& uids,
                  WithModseq with_modseq) {
    if (!returns && session.enabled.rev2 && command.name == "SEARCH") {
        returns.emplace().all = true;  // RFC 9051 6.4.4: there is one form of answer
    }
    auto numbers = told_numbers(session, command, uids);
    std::optional<std::uint64_t> modseq;
    if (with_modseq == WithModseq::kYes) {
        modseq = highest_modseq(session, returns, uids);
    }
    std::string out;
    if (!returns) {
        out = "* " + command.name;
        for (std::uint32_t number : numbers) {
            out += ' ';
            out += std::to_string(number);
        }
        out += modseq ? format(" (MODSEQ {})\r\n", *modseq) : "\r\n";
    } else if (returns->answers()) {
        auto kind = command.uid ? imap::ResultNumbers::kUid : imap::ResultNumbers::kSequence;
        imap::append_esearch(out, command.tag, kind, *returns, numbers, modseq);
    }
    if (returns && returns->save) {
        session.selected->saved = returns->saved(uids);
    }
    session.stream.write(out);
}

}  // namespace relais
