#include "lib/access/selected.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

struct SystemFlag {
    std::uint8_t bit;
    std::string_view name;
};

constexpr std::array<SystemFlag, 5> kSystemFlags = {{{MessageFlags::kAnswered, "\\Answered"},
                                                     {MessageFlags::kFlagged, "\\Flagged"},
                                                     {MessageFlags::kDeleted, "\\Deleted"},
                                                     {MessageFlags::kSeen, "\\Seen"},
                                                     {MessageFlags::kDraft, "\\Draft"}}};

}  // namespace

Selected::Selected(std::shared_ptr<OpenMailbox> mailbox, MailboxAccess access,
                   const Enabled& enabled, FlagLimits limits)
    : mailbox_(std::move(mailbox)),
      access_(access),
      enabled_(enabled),
      limits_(limits),
      view_(mailbox_->box.uids()) {
}

void Selected::begin() {
    uid_validity_ = box().uid_validity();
    view_ = box().uids();
    told_ = box().last_change();
    keywords_told_ = box().keyword_names();
    claim_recent();
}

// Recent messages are recent for one session only; those who merely look leave them to others.
void Selected::claim_recent() {
    std::uint32_t first = read_only() ? box().first_recent() : box().claim_recent();
    std::uint32_t next = box().next_uid();
    if (read_only()) {
        recent_.clear();
    }
    if (first != 0 && first < next) {
        recent_.push_back({first, next - 1});
    }
}

bool Selected::is_recent(std::uint32_t uid) const {
    return std::ranges::any_of(recent_, [uid](const imap::SequenceSet::Range& range) {
        return range.first <= uid && uid <= range.last;
    });
}

bool Selected::all_told() {
    return view_ == box().uids() && !untold_behind_ && told_ == box().last_change();
}

std::uint32_t Selected::recent_count() const {
    std::ptrdiff_t count = 0;
    for (const auto& range : recent_) {
        count += std::ranges::upper_bound(*view_, range.last) -
                 std::ranges::lower_bound(*view_, range.first);
    }
    return static_cast<std::uint32_t>(count);
}

std::string Selected::flags_text(FlagLimits limits) const {
    std::vector<std::string> names;
    for (const SystemFlag& flag : kSystemFlags) {
        if ((limits.system & flag.bit) != 0) {
            names.emplace_back(flag.name);
        }
    }
    if (limits.keywords) {
        names.insert(names.end(), keywords_told_.begin(), keywords_told_.end());
    }
    return join(names, " ");
}

std::string Selected::permanent_flags() {
    std::string flags = flags_text(limits_);
    bool more = limits_.keywords && box().takes_keywords();
    return "* OK [PERMANENTFLAGS (" + flags + (more ? " \\*" : "") + ")] Flags permitted.\r\n";
}

std::string Selected::describe() {
    std::string out = "* FLAGS (" + flags_text() + ")\r\n";
    if (read_only()) {
        out += "* OK [PERMANENTFLAGS ()] Read-only mailbox.\r\n";
    } else {
        out += permanent_flags();
    }
    out += format("* {} EXISTS\r\n", count());
    if (!enabled_.rev2) {
        out += format("* {} RECENT\r\n", recent_count());
        append_first_unseen(out);
    }
    out += format("* OK [UIDVALIDITY {}] UIDs valid\r\n", uid_validity_);
    out += format("* OK [UIDNEXT {}] Predicted next UID\r\n", box().next_uid());
    out += modseq_line();
    if (!box().guid().empty()) {
        out += format("* OK [MAILBOXID ({})] Ok\r\n", box().guid());
    }
    return out;
}

std::string Selected::modseq_line() {
    if (enabled_.condstore && !tracked_) {
        return "* OK [NOMODSEQ] No permanent mod-sequences\r\n";
    }
    return format("* OK [HIGHESTMODSEQ {}] Highest\r\n", box().last_change());
}

void Selected::append_first_unseen(std::string& out) {
    for (std::uint32_t i = 0; i < count() && !enabled_.uid_only; ++i) {
        const MailMessage* message = box().find((*view_)[i]);
        if (message != nullptr && (message->system & MessageFlags::kSeen) == 0) {
            out += format("* OK [UNSEEN {}] First unseen.\r\n", i + 1);
            return;
        }
    }
}

std::optional<std::uint32_t> Selected::sequence_of(std::uint32_t uid) const {
    auto at = std::ranges::lower_bound(*view_, uid);
    if (at == view_->end() || *at != uid) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(at - view_->begin()) + 1;
}

std::optional<std::vector<std::uint32_t>> Selected::pick(const imap::SequenceSet& set,
                                                         WithUid by) const {
    std::vector<std::uint32_t> uids;
    if (by == WithUid::kYes) {
        imap::SequenceSet resolved = set.resolve(view_->empty() ? 1 : view_->back());
        for (const auto& range : resolved.ranges()) {
            auto from = std::ranges::lower_bound(*view_, range.first);
            auto to = std::ranges::upper_bound(*view_, range.last);
            uids.insert(uids.end(), from, to);
        }
        return uids;
    }
    if (view_->empty()) {
        return std::nullopt;
    }
    imap::SequenceSet resolved = set.resolve(count());
    for (const auto& range : resolved.ranges()) {
        if (range.last > count()) {
            return std::nullopt;
        }
        uids.insert(uids.end(), view_->begin() + (range.first - 1), view_->begin() + range.last);
    }
    return uids;
}

std::vector<std::uint32_t> Selected::present() const {
    Mailbox::Uids now = mailbox_->box.uids();
    std::vector<std::uint32_t> uids;
    uids.reserve(view_->size());
    std::ranges::set_intersection(*view_, *now, std::back_inserter(uids));
    return uids;
}

std::vector<std::uint32_t> Selected::pick_saved() const {
    std::vector<std::uint32_t> uids;
    std::ranges::set_intersection(saved, *view_, std::back_inserter(uids));
    return uids;
}

std::string Selected::format_flags(const MailMessage& message) {
    std::string text = "(";
    auto add = [&text](std::string_view name) {
        text += text.size() > 1 ? " " : "";
        text += name;
    };
    for (const SystemFlag& flag : kSystemFlags) {
        if ((message.system & flag.bit) != 0) {
            add(flag.name);
        }
    }
    if (!enabled_.rev2 && is_recent(message.uid)) {
        add("\\Recent");
    }
    for (int i = 0; i < kMaxKeywords && message.keywords >> i != 0; ++i) {
        if ((message.keywords >> i & 1) != 0 && !box().keywords().name(i).empty()) {
            add(box().keywords().name(i));
        }
    }
    for (const std::string& name : box().more_keywords_of(message)) {
        if (!box().has_letter(message, name)) {
            add(name);
        }
    }
    return text + ")";
}

std::string Selected::fetch_head(const MailMessage& message, std::uint32_t sequence) const {
    return enabled_.uid_only ? format("* {} UIDFETCH (", message.uid)
                             : format("* {} FETCH (", sequence);
}

std::string Selected::format_modseq(const MailMessage& message) {
    return format("MODSEQ ({})", box().modseq_of(message));
}

// RFC 7162 3.1.1 and 3.2.4: numbers and UIDs come unasked once they were asked for.
std::string Selected::flags_line(const MailMessage& message, std::uint32_t sequence,
                                 WithUid with_uid) {
    std::string line = fetch_head(message, sequence);
    if ((with_uid == WithUid::kYes || enabled_.qresync) && !enabled_.uid_only) {
        line += format("UID {} ", message.uid);
    }
    line += "FLAGS " + format_flags(message);
    if (enabled_.condstore && tracked_) {
        line += " " + format_modseq(message);
    }
    return line + ")\r\n";
}

void Selected::own_change(const FlagOutcome& outcome) {
    if (outcome.before <= told_) {
        told_ = std::max(told_, outcome.number);
    } else {
        own_ = outcome.number;
    }
}

imap::SequenceSet Selected::vanished(std::uint64_t modseq, const imap::SequenceSet& known) const {
    imap::SequenceSet candidates;
    std::uint32_t next = mailbox_->box.next_uid();
    if (auto records = mailbox_->box.expunged_after(modseq)) {
        std::vector<imap::SequenceSet::Range> ranges;
        for (const ChangeRecord& record : *records) {
            ranges.push_back({record.first, record.last});
        }
        candidates = imap::SequenceSet::of(std::move(ranges)).intersection(known);
    } else if (next > 1) {
        candidates = imap::SequenceSet::of({{1, next - 1}}).intersection(known);
    }
    return candidates.without(*view_);
}

void Selected::report_keywords(std::string& out) {
    auto names = box().keyword_names();
    if (names == keywords_told_) {
        return;
    }
    keywords_told_ = std::move(names);
    out += "* FLAGS (" + flags_text() + ")\r\n";
    if (!read_only()) {
        out += permanent_flags();
    }
}

// Highest first, so that the numbers of the others still hold.
void Selected::report_expunges(std::string& out, const Mailbox::Uids& now) const {
    if (enabled_.tells_vanished()) {
        report_vanished(out, now);
        return;
    }
    auto current = now->rbegin();
    for (std::size_t i = view_->size(); i > 0; --i) {
        std::uint32_t uid = (*view_)[i - 1];
        while (current != now->rend() && *current > uid) {
            ++current;
        }
        if (current == now->rend() || *current != uid) {
            out += format("* {} EXPUNGE\r\n", i);
        }
    }
}

// RFC 7162 3.2.10
void Selected::report_vanished(std::string& out, const Mailbox::Uids& now) const {
    imap::SequenceSet gone;
    auto current = now->begin();
    for (std::uint32_t uid : *view_) {
        current = std::find_if(current, now->end(), [uid](std::uint32_t u) { return u >= uid; });
        if (current == now->end() || *current != uid) {
            gone.add(uid);
        }
    }
    if (!gone.empty()) {
        out += "* VANISHED " + gone.to_string() + "\r\n";
    }
}

void Selected::report_flags(std::string& out, std::uint32_t last_known, WithUid with_uid) {
    for (const MailMessage& message : box().messages()) {
        if (message.change <= told_ || message.change == own_ || message.uid > last_known) {
            continue;
        }
        auto sequence = sequence_of(message.uid);
        if (sequence) {
            out += flags_line(message, *sequence, with_uid);
        }
    }
}

// Without messages that were told to be gone and came back (somebody moved a file away and back
// again): an EXISTS can only name what is behind the others.  The next SELECT shows them.
Mailbox::Uids Selected::without_returned(const Mailbox::Uids& now) const {
    auto fresh = std::ranges::upper_bound(*now, last_in_view());
    if (std::includes(view_->begin(), view_->end(), now->begin(), fresh)) {
        return now;
    }
    auto kept = std::make_shared<std::vector<std::uint32_t>>();
    std::set_intersection(view_->begin(), view_->end(), now->begin(), fresh,
                          std::back_inserter(*kept));
    kept->insert(kept->end(), fresh, now->end());
    return kept;
}

// Messages that have come are in the view, whether the client is told of them now or later.
void Selected::follow(std::string& out, Expunges expunges) {
    Mailbox::Uids now = box().uids();
    if (now == view_) {
        return;
    }
    now = without_returned(now);
    if (expunges == Expunges::kTell) {
        report_expunges(out, now);
        view_ = now;
    } else if (!now->empty() && now->back() > last_in_view()) {
        // What is gone keeps its place until it may be told.
        auto held = std::make_shared<std::vector<std::uint32_t>>(*view_);
        held->insert(held->end(), std::ranges::upper_bound(*now, last_in_view()), now->end());
        view_ = std::move(held);
    }
}

std::vector<std::uint32_t> Selected::report(std::string& out, const ReportScope& scope) {
    report_keywords(out);
    std::uint32_t last_known = last_in_view();
    std::uint32_t behind = untold_behind_.value_or(last_known);
    std::size_t before = view_->size();
    follow(out, scope.expunges);
    if (last_in_view() > last_known) {
        claim_recent();
    }
    std::vector<std::uint32_t> arrived;
    if (scope.arrivals) {
        arrived.assign(std::ranges::upper_bound(*view_, behind), view_->end());
        untold_behind_.reset();
    } else if (last_in_view() > behind) {
        untold_behind_ = behind;
    }
    if (!arrived.empty()) {
        out += format("* {} EXISTS\r\n", count());
    }
    bool fewer = scope.expunges == Expunges::kTell && view_->size() < before && !recent_.empty();
    if (!enabled_.rev2 && (!arrived.empty() || fewer)) {
        out += format("* {} RECENT\r\n", recent_count());
    }
    if (scope.flags && box().last_flag_change() > told_) {
        report_flags(out, last_known, scope.with_uid);
    }
    told_ = box().last_change();
    return arrived;
}

}  // namespace relais
