#include "imapd/imap/search_contexts.h"

#include <algorithm>

#include "lib/access/search_match.h"
#include "lib/config/config.h"

#include "imapd/imap/session.h"
#include "imapd/imap/sort_run.h"

namespace relais {

namespace {

using Uids = std::vector<std::uint32_t>;

constexpr std::size_t kChunk = 100;  // messages before other sessions get their turn

// "* ESEARCH (TAG "B01") UID ADDTO (1 5:6 4 9)"
class UpdateLine {
  public:
    UpdateLine(Selected& selected, const SearchContext& context, std::string_view word)
        : selected_(selected), numbers_(context.numbers) {
        imap::append_esearch_head(line_, context.tag, context.numbers);
        line_ += ' ';
        line_ += word;
        line_ += " (";
    }

    void add(std::size_t position, std::span<const std::uint32_t> uids) {
        Uids numbers(uids.begin(), uids.end());
        if (numbers_ == imap::ResultNumbers::kSequence) {
            for (std::uint32_t& number : numbers) {
                number = selected_.sequence_of(number).value_or(0);
            }
            std::erase(numbers, 0U);  // never: the client knows all results
        }
        line_ += (any_ ? " " : "") + std::to_string(position) + ' ';
        imap::append_number_list(line_, numbers);
        any_ = true;
    }

    std::string finish() { return line_ + ")\r\n"; }

  private:
    Selected& selected_;
    imap::ResultNumbers numbers_;
    std::string line_;
    bool any_ = false;
};

Uids sorted(Uids uids) {
    std::ranges::sort(uids);
    return uids;
}

bool contains(const Uids& ascending, std::uint32_t uid) {
    return std::ranges::binary_search(ascending, uid);
}

// Both ascending; in the order of the mailbox positions are 0, in another one those at the moment
// when each run is taken out: from behind, so that the ones before it hold.
std::string removal(Selected& selected, const SearchContext& context, const Uids& gone) {
    UpdateLine line(selected, context, "REMOVEFROM");
    if (context.order.empty()) {
        line.add(0, gone);
        return line.finish();
    }
    const Uids& all = context.results;
    for (std::size_t end = all.size(); end > 0;) {
        std::size_t begin = end;
        while (begin > 0 && contains(gone, all[begin - 1])) {
            --begin;
        }
        if (begin < end) {
            line.add(begin + 1, std::span(all).subspan(begin, end - begin));
            end = begin;
        } else {
            --end;
        }
    }
    return line.finish();
}

// `all` has what has come; runs of it go in from the front.
std::string addition(Selected& selected, const SearchContext& context, const Uids& all,
                     const Uids& come) {
    UpdateLine line(selected, context, "ADDTO");
    if (context.order.empty()) {
        line.add(0, come);
        return line.finish();
    }
    for (std::size_t begin = 0; begin < all.size();) {
        std::size_t end = begin;
        while (end < all.size() && contains(come, all[end])) {
            ++end;
        }
        if (end > begin) {
            line.add(begin + 1, std::span(all).subspan(begin, end - begin));
        }
        begin = end + 1;
    }
    return line.finish();
}

void take_out(Uids& results, const Uids& gone) {
    std::erase_if(results, [&gone](std::uint32_t uid) { return contains(gone, uid); });
}

// The messages that have changed since, and whether each is a result now.
struct Verdicts {
    Uids yes;
    Uids no;
};

Task<Verdicts> judge_changed(Selected& selected, imap::SearchKey key, std::uint64_t since) {
    SearchMatch match(selected, std::move(key));
    Uids changed;
    for (const MailMessage& message : selected.box().messages()) {
        if (message.change > since) {
            changed.push_back(message.uid);
        }
    }
    Verdicts verdicts;
    for (std::size_t i = 0; i < changed.size(); ++i) {
        const MailMessage* message = selected.box().find(changed[i]);
        auto sequence = selected.sequence_of(changed[i]);
        if (message != nullptr && sequence) {
            MailMessage copy = *message;
            bool matches = match.matches(*sequence, copy);
            (matches ? verdicts.yes : verdicts.no).push_back(copy.uid);
        }
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    co_return verdicts;
}

Task<void> update_one(Session& session, SearchContext& context) {
    Selected& selected = *session.selected;
    std::uint64_t now = selected.box().last_change();
    if (now == context.looked) {
        co_return;
    }
    Verdicts verdicts = co_await judge_changed(selected, context.key, context.looked);
    context.looked = now;
    Uids members = sorted(context.results);
    Uids gone;
    std::ranges::set_intersection(members, verdicts.no, std::back_inserter(gone));
    Uids come;
    std::ranges::set_difference(verdicts.yes, members, std::back_inserter(come));
    if (!gone.empty()) {
        session.stream.write(removal(selected, context, gone));
        take_out(context.results, gone);
    }
    if (come.empty()) {
        co_return;
    }
    Uids all = context.results;
    all.insert(all.end(), come.begin(), come.end());
    std::ranges::sort(all);
    if (!context.order.empty()) {
        all = co_await sort_messages(session, context.order, std::move(all), "");
    }
    session.stream.write(addition(selected, context, all, come));
    context.results = std::move(all);
}

}  // namespace

bool SearchContexts::has(std::string_view tag) const {
    return std::ranges::find(contexts_, tag, &SearchContext::tag) != contexts_.end();
}

bool SearchContexts::add(SearchContext context) {
    if (contexts_.size() >= static_cast<std::size_t>(conf().imap_search_context_limit())) {
        return false;
    }
    contexts_.push_back(std::move(context));
    return true;
}

bool SearchContexts::cancel(std::string_view tag) {
    return std::erase_if(contexts_, [tag](const auto& each) { return each.tag == tag; }) > 0;
}

void SearchContexts::drop_gone(Session& session) {
    Selected& selected = *session.selected;
    Mailbox::Uids now = selected.box().uids();
    for (SearchContext& context : contexts_) {
        Uids gone;
        std::ranges::set_difference(sorted(context.results), *now, std::back_inserter(gone));
        if (!gone.empty()) {
            session.stream.write(removal(selected, context, gone));
            take_out(context.results, gone);
        }
    }
}

Task<void> SearchContexts::update(Session& session) {
    for (SearchContext& context : contexts_) {
        co_await update_one(session, context);
    }
}

imap::FetchItems SearchContexts::items_for(std::uint32_t uid) const {
    imap::FetchItems items;
    for (const SearchContext& context : contexts_) {
        if (!context.fetch.items.empty() &&
            std::ranges::find(context.results, uid) != context.results.end()) {
            items.add(context.fetch);
        }
    }
    return items;
}

imap::SearchKey with_numbers_resolved(const Selected& selected, imap::SearchKey key) {
    using Kind = imap::SearchKey::Kind;
    if (key.kind == Kind::kSequence || key.kind == Kind::kSaved) {
        Uids uids = key.kind == Kind::kSaved
                        ? selected.pick_saved()
                        : selected.pick(key.set, WithUid::kNo).value_or(Uids());
        key.kind = Kind::kUid;
        key.set = {};
        for (std::uint32_t uid : uids) {
            key.set.add(uid);
        }
    }
    for (imap::SearchKey& child : key.children) {
        child = with_numbers_resolved(selected, std::move(child));
    }
    return key;
}

}  // namespace relais
