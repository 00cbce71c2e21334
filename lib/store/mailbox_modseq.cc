// How a Mailbox numbers its changes (RFC 7162): a number is the time of the change, or one more
// than the last.  As long as nobody has asked for them they are in memory only, and in the
// quick-start file, and are good for telling sessions of this process what is new.  Once somebody
// has, they are written down in relais.changes before they are told.
//
// What cannot be known any more (the files are gone, torn, or of another machine) raises the floor:
// every message counts as changed now, and a client asks for all flags once.
#include <algorithm>
#include <chrono>

#include "lib/base/log.h"
#include "lib/store/change_turn.h"
#include "lib/store/index_header.h"
#include "lib/store/mailbox.h"

namespace relais {

namespace {

// More ranges than these in one step are told by fewer that hold more.
constexpr std::size_t kMaxRanges = 4096;

using Kind = ChangeRecord::Kind;

}  // namespace

std::uint64_t Mailbox::next_change() const {
    auto now = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return std::max(last_change_ + 1, static_cast<std::uint64_t>(std::max(now.count(), 1L)));
}

bool Mailbox::track_changes() {
    if (!journal_) {
        journal_.emplace(place_.index_directory(), place_.file_mode, place_.storage);
        begin_numbers();
        save_index();
    }
    return journal_.has_value();
}

std::optional<std::vector<ChangeRecord>> Mailbox::expunged_after(std::uint64_t modseq) const {
    if (modseq >= last_change_) {
        return std::vector<ChangeRecord>();
    }
    return journal_ ? history_.after(modseq) : std::nullopt;
}

std::vector<std::uint32_t> Mailbox::changed_after(std::uint64_t modseq) const {
    std::vector<std::uint32_t> uids;
    auto look = [&](std::uint32_t first, std::uint32_t last) {
        auto at = std::ranges::lower_bound(messages_, first, {}, &MailMessage::uid);
        for (; at != messages_.end() && at->uid <= last; ++at) {
            if (modseq_of(*at) > modseq) {
                uids.push_back(at->uid);
            }
        }
    };
    auto records = journal_ ? flag_history_.after(modseq) : std::nullopt;
    if (!records) {
        look(0, 0xffffffff);
        return uids;
    }
    for (const ChangeRecord& record : *records) {
        look(record.first, record.last);
    }
    std::ranges::sort(uids);
    auto again = std::ranges::unique(uids);
    uids.erase(again.begin(), again.end());
    return uids;
}

// Nothing is known of earlier numbers.  Another process of ours may have a journal already.
void Mailbox::begin_numbers() {
    bool joined = journal_->open(uid_validity_);
    if (joined) {
        journal_->lock();
        joined = journal_->read_on().has_value();
    }
    last_change_ = std::max(last_change_, journal_->last());
    floor_ = last_change_ = next_change();
    history_ = flag_history_ = ChangeHistory();
    history_.forget(floor_);
    flag_history_.forget(floor_);
    index_stale_ = save_soon_ = true;
    const ChangeRecord mark{floor_, 0, 0, Kind::kFlags};
    auto done = joined ? journal_->append({&mark, 1}) : journal_->start(uid_validity_, floor_);
    journal_->unlock();
    if (!done) {
        log_warning("{}: no modification sequences: {}", place_.directory, done.error().message);
        journal_.reset();
    }
}

// All of them get one number.
void Mailbox::note_changed(const std::vector<std::uint32_t>& uids, FlagOutcome& outcome) {
    outcome.before = outcome.number = last_flag_change_;
    if (uids.empty()) {
        return;
    }
    ChangeTurn turn(*this);
    for (std::uint32_t uid : uids) {
        if (MailMessage* message = find_mutable(uid)) {
            turn.changed(*message);
        }
    }
    outcome.before = turn.before();
    outcome.number = turn.number();
}

void Mailbox::take_record(const ChangeRecord& record) {
    last_change_ = std::max(last_change_, record.modseq);
    if (record.kind == Kind::kExpunged) {
        if (record.first == 0) {
            history_.forget(record.modseq);
        } else {
            history_.add(record);
        }
        return;
    }
    flag_history_.add(record);
    auto at = std::ranges::lower_bound(messages_, record.first, {}, &MailMessage::uid);
    for (; at != messages_.end() && at->uid <= record.last; ++at) {
        at->change = std::max(at->change, record.modseq);
        last_flag_change_ = std::max(last_flag_change_, record.modseq);
    }
}

// What other processes have written down.
void Mailbox::read_journal() {
    auto records = journal_->read_on();
    if (!records) {
        begin_numbers();
        return;
    }
    std::ranges::for_each(*records, [this](const ChangeRecord& each) { take_record(each); });
}

// After the quick-start file was read, which knows of everything up to its last change.  Where the
// directory does not confirm it, messages with later records have flags that nobody can vouch for.
void Mailbox::resume_journal(const IndexHeader& header, bool confirmed) {
    journal_.emplace(place_.index_directory(), place_.file_mode, place_.storage);
    auto records = journal_->open(uid_validity_) ? journal_->read_on() : std::nullopt;
    bool believed = records && journal_->since() <= header.last_change &&
                    journal_->last() >= header.journal_last &&
                    (confirmed || journal_->of_this_boot());
    if (!believed) {
        if (!confirmed) {
            messages_.clear();
        }
        begin_numbers();
        return;
    }
    journal_->confirm_boot();
    history_.forget(journal_->since());
    flag_history_.forget(std::max(journal_->since(), floor_));
    for (const ChangeRecord& record : *records) {
        if (record.kind == Kind::kExpunged || record.modseq > header.last_change) {
            take_record(record);
        } else {
            flag_history_.add(record);
        }
    }
    if (confirmed) {
        return;
    }
    for (MailMessage& message : messages_) {
        message.change = message.change > header.last_change ? 0 : message.change;
    }
    // Who has heard that they are gone need not hear it again.
    auto gone = history_.after(header.last_change).value_or(std::vector<ChangeRecord>());
    std::ranges::sort(gone, {}, &ChangeRecord::first);
    std::erase_if(messages_, [&gone](const MailMessage& message) {
        auto behind = std::ranges::upper_bound(gone, message.uid, {}, &ChangeRecord::first);
        return behind != gone.begin() && std::prev(behind)->last >= message.uid;
    });
}

ChangeTurn::ChangeTurn(Mailbox& box) : box_(box) {
    if (box.journal_) {
        box.journal_->lock();
        box.read_journal();
    }
    before_ = box.last_flag_change_;
    number_ = box.next_change();
}

ChangeTurn::~ChangeTurn() {
    if (used_) {
        box_.last_change_ = number_;
        box_.last_flag_change_ = flags_changed_ ? number_ : box_.last_flag_change_;
    }
    if (box_.journal_) {
        write_down();
    }
}

void ChangeTurn::arrived(MailMessage& message) {
    message.change = number_;
    used_ = true;
    if (box_.journal_) {
        extend(changed_, message.uid, Kind::kFlags);
    }
}

void ChangeTurn::gone(std::uint32_t uid) {
    used_ = true;
    if (box_.journal_) {
        extend(gone_, uid, Kind::kExpunged);
    }
}

// Ranges of changed messages may hold more: those count as changed for other processes.  Of
// messages that are gone, it is then forgotten which they were.
void ChangeTurn::extend(std::vector<ChangeRecord>& records, std::uint32_t uid, Kind kind) {
    bool full = records.size() >= kMaxRanges;
    if (!records.empty() && (full || records.back().last + 1 == uid)) {
        records.back().last = std::max(records.back().last, uid);
        if (full && kind == Kind::kExpunged) {
            records = {{number_, 0, 0, kind}};
        }
        return;
    }
    if (!records.empty() && kind == Kind::kExpunged && records.front().first == 0) {
        return;
    }
    records.push_back({number_, uid, uid, kind});
}

void ChangeTurn::write_down() {
    for (const ChangeRecord& record : changed_) {
        box_.flag_history_.add(record);
    }
    for (const ChangeRecord& record : gone_) {
        box_.take_record(record);
    }
    changed_.insert(changed_.end(), gone_.begin(), gone_.end());
    auto written = changed_.empty() ? Result<void>() : box_.journal_->append(changed_);
    box_.journal_->unlock();
    if (!written) {
        // Better no numbers than some that are not true.
        log_warning("{}: {}", box_.place_.directory, written.error().message);
        box_.journal_->remove();
        box_.journal_.reset();
    }
}

}  // namespace relais
