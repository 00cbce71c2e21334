#include "imapd/imap/search_run.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>

#include "lib/access/search_match.h"
#include "lib/access/text_search.h"
#include "lib/base/format.h"
#include "lib/imap/format.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/message_limit.h"
#include "imapd/imap/progress.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 100;
constexpr std::size_t kTextChunk = 1000;  // threads look through them

// The messages of a mailbox that match, a chunk at a time.
class MessageSearch {
  public:
    MessageSearch(Selected& selected, imap::SearchKey key)
        : selected_(selected), match_(selected, std::move(key)) {}

    std::size_t chunk() const { return match_.texts().empty() ? kChunk : kTextChunk; }

    // Those of `uids`, which ascend, that are to be looked at: the last ones, so many.  Where there
    // are more, `stopped_at` is the first of them.
    std::vector<std::uint32_t> newest(const std::vector<std::uint32_t>& uids, std::size_t limit,
                                      std::optional<std::uint32_t>& stopped_at) const {
        std::vector<std::uint32_t> wanted;
        for (auto uid = uids.rbegin(); uid != uids.rend(); ++uid) {
            auto sequence = selected_.sequence_of(*uid);
            if (!sequence || !match_.considers(*sequence, *uid)) {
                continue;
            }
            if (wanted.size() == limit) {
                stopped_at = wanted.back();
                break;
            }
            wanted.push_back(*uid);
        }
        std::ranges::reverse(wanted);
        return wanted;
    }

    Task<void> look_at(std::span<const std::uint32_t> uids) {
        std::vector<Open> open;
        for (std::uint32_t uid : uids) {
            const MailMessage* message = selected_.box().find(uid);
            auto sequence = selected_.sequence_of(uid);
            if (message == nullptr || !sequence) {
                continue;
            }
            MailMessage copy = *message;
            auto known = match_.matches_without_texts(*sequence, copy);
            if (!known) {
                open.push_back({*sequence, copy, selected_.box().reading(copy)});
            } else if (*known) {
                found_.push_back(uid);
            }
        }
        if (!open.empty()) {
            co_await look_into(open);
        }
    }

    std::vector<std::uint32_t> take() {
        std::ranges::sort(found_);
        return std::move(found_);
    }

  private:
    // A message whose texts must decide.
    struct Open {
        std::uint32_t sequence;
        MailMessage message;
        Mailbox::Reading reading;
    };

    Task<void> look_into(const std::vector<Open>& open) {
        std::vector<Mailbox::Reading> messages;
        std::ranges::transform(open, std::back_inserter(messages), &Open::reading);
        auto answers = co_await search_texts(std::move(messages), match_.texts());
        for (std::size_t i = 0; i < open.size(); ++i) {
            const std::optional<TextAnswers>& answer = answers[i];
            const MailMessage* now = selected_.box().find(open[i].message.uid);
            // It may have another name by now.
            MailMessage message = answer || now == nullptr ? open[i].message : *now;
            if (match_.matches(open[i].sequence, message, answer)) {
                found_.push_back(message.uid);
            }
        }
    }

    Selected& selected_;
    SearchMatch match_;
    std::vector<std::uint32_t> found_;
};

}  // namespace

Task<Found> find_messages(Session& session, imap::SearchKey key, std::string tag) {
    return find_in(session, *session.selected, std::move(key), std::move(tag), message_limit());
}

Task<Found> find_in(Session& session, Selected& selected, imap::SearchKey key, std::string tag,
                    std::size_t limit) {
    Found found;
    if (key.kind == imap::SearchKey::Kind::kAll && limit == 0) {
        found.uids = selected.present();
        co_return found;
    }
    MessageSearch search(selected, std::move(key));
    Mailbox::Uids uids = selected.box().uids();
    std::vector<std::uint32_t> newest;
    std::span<const std::uint32_t> rest(*uids);
    if (limit > 0) {
        newest = search.newest(*uids, limit, found.stopped_at);
        rest = newest;
    }
    std::size_t goal = rest.size();
    Progress progress(session, std::move(tag), goal);
    while (!rest.empty()) {
        auto chunk = rest.first(std::min(search.chunk(), rest.size()));
        co_await search.look_at(chunk);
        rest = rest.subspan(chunk.size());
        if (progress.due()) {
            co_await progress.tell(goal - rest.size());
        }
        co_await yield();
    }
    found.uids = search.take();
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
                                                const std::optional<imap::SearchReturn>& returns,
                                                const imap::SearchKey& key) {
    if (returns && returns->update && session.contexts.has(command.tag)) {
        return std::unexpected(bad_arguments(command, "Tag reuse."));
    }
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

std::optional<SearchContext> begin_context(Session& session, const Command& command,
                                           const std::optional<imap::SearchReturn>& returns,
                                           const imap::SearchKey& key,
                                           std::vector<imap::SortCriterion> order) {
    if (!returns || !returns->update) {
        return std::nullopt;
    }
    Selected& selected = *session.selected;
    bool uids = command.uid || command.name == "ESEARCH";
    return SearchContext{command.tag,
                         uids ? imap::ResultNumbers::kUid : imap::ResultNumbers::kSequence,
                         with_numbers_resolved(selected, key),
                         std::move(order),
                         returns->update_fetch,
                         selected.box().last_change()};
}

void keep_context(Session& session, std::optional<SearchContext> context,
                  std::vector<std::uint32_t> results, Complete complete) {
    if (!context) {
        return;
    }
    std::string refusal = "* NO [NOUPDATE ";
    imap::append_string(refusal, context->tag);
    context->results = std::move(results);
    if (complete == Complete::kNo || !session.contexts.add(std::move(*context))) {
        session.stream.write(refusal + "] Too many contexts.\r\n");
    }
}

// The highest among those that are told: MIN and MAX alone are about two (RFC 4731 3.2).
std::optional<std::uint64_t> highest_modseq(const Mailbox& box,
                                            const std::optional<imap::SearchReturn>& returns,
                                            const std::vector<std::uint32_t>& uids) {
    std::uint64_t highest = 0;
    auto look = [&](std::uint32_t uid) {
        if (const MailMessage* message = box.find(uid)) {
            highest = std::max(highest, box.modseq_of(*message));
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

void tell_results(Session& session, const Command& command,
                  std::optional<imap::SearchReturn> returns, const std::vector<std::uint32_t>& uids,
                  WithModseq with_modseq) {
    if (!returns && session.enabled.rev2 && command.name == "SEARCH") {
        returns.emplace().all = true;  // RFC 9051 6.4.4: there is one form of answer
    }
    auto numbers = told_numbers(session, command, uids);
    std::optional<std::uint64_t> modseq;
    if (with_modseq == WithModseq::kYes) {
        modseq = highest_modseq(session.selected->box(), returns, uids);
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
