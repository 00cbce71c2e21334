#include "lib/store/mailbox.h"

#include <algorithm>
#include <ctime>

#include "lib/base/strings.h"
#include "lib/store/change_turn.h"

namespace relais {

namespace {

constexpr std::size_t kMaxWaste = std::size_t{1} << 20;
constexpr std::int64_t kSecond = 1'000'000'000;

// Changes closer than this to the time of looking may not show in the modification time.
std::int64_t granularity(std::int64_t mtime_ns) {
    return mtime_ns % kSecond == 0 ? 2 * kSecond : kSecond / 20;
}

bool is_settled(std::int64_t mtime_ns) {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME, &now);
    std::int64_t age = now.tv_sec * kSecond + now.tv_nsec - mtime_ns;
    return age > granularity(mtime_ns) || age < -kSecond;
}

}  // namespace

MessageFlags changed_flags(MessageFlags old, FlagChange how, MessageFlags by) {
    switch (how) {
        case FlagChange::kReplace:
            return by;
        case FlagChange::kAdd:
            return {static_cast<std::uint8_t>(old.system | by.system), old.keywords | by.keywords};
        case FlagChange::kRemove:
            break;
    }
    return {static_cast<std::uint8_t>(old.system & ~by.system), old.keywords & ~by.keywords};
}

const MailMessage* Mailbox::find(std::uint32_t uid) const {
    auto at = std::ranges::lower_bound(messages_, uid, {}, &MailMessage::uid);
    return at != messages_.end() && at->uid == uid ? &*at : nullptr;
}

MailMessage* Mailbox::find_mutable(std::uint32_t uid) {
    auto at = std::ranges::lower_bound(messages_, uid, {}, &MailMessage::uid);
    return at != messages_.end() && at->uid == uid ? &*at : nullptr;
}

NewMessage Mailbox::hand_over(const MailMessage& message, Handing /*how*/) const {
    NewMessage handed;
    handed.base = base_name(message);
    handed.flags.system = message.system;
    handed.keywords = keywords_of(message);
    return handed;
}

Result<UidList> Mailbox::list() const {
    UidList list;
    list.uid_validity = uid_validity_;
    list.next_uid = next_uid_;
    list.guid = guid_;
    list.exists = true;
    return list;
}

Mailbox::Uids Mailbox::uids() {
    if (!snapshot_) {
        auto made = std::make_shared<std::vector<std::uint32_t>>();
        made->reserve(messages_.size());
        for (const MailMessage& message : messages_) {
            made->push_back(message.uid);
        }
        snapshot_ = std::move(made);
    }
    return snapshot_;
}

std::uint32_t Mailbox::claim_recent() {
    std::uint32_t first = first_recent_;
    if (first_recent_ != next_uid_) {
        first_recent_ = next_uid_;
        index_stale_ = true;
    }
    return first;
}

MailMessage& Mailbox::append_message(std::uint32_t uid, std::string_view name, MessageFlags flags) {
    MailMessage message;
    message.uid = uid;
    message.system = flags.system;
    message.keywords = flags.keywords;
    message.name_at = static_cast<std::uint32_t>(names_.size());
    message.name_size = static_cast<std::uint16_t>(name.size());
    names_ += name;
    return messages_.emplace_back(message);
}

void Mailbox::set_name(MailMessage& message, std::string_view name) {
    wasted_names_ += message.name_size;
    message.name_at = static_cast<std::uint32_t>(names_.size());
    message.name_size = static_cast<std::uint16_t>(name.size());
    names_ += name;
    if (wasted_names_ < kMaxWaste || wasted_names_ < names_.size() / 2) {
        return;
    }
    std::string packed;
    for (MailMessage& each : messages_) {
        auto at = static_cast<std::uint32_t>(packed.size());
        packed += name_of(each);
        each.name_at = at;
    }
    names_.swap(packed);
    wasted_names_ = 0;
}

void Mailbox::drop_messages(const std::vector<std::uint32_t>& uids) {
    if (!uids.empty()) {
        ChangeTurn turn(*this);
        std::ranges::for_each(uids, [&turn](std::uint32_t uid) { turn.gone(uid); });
    }
    std::erase_if(messages_, [&](const MailMessage& message) {
        return std::ranges::binary_search(uids, message.uid);
    });
    snapshot_.reset();
    index_stale_ = true;
}

void Mailbox::set_known(const Stamps& stamps) {
    known_ = stamps;
    scanned_ = true;
    index_stale_ = true;
    verify_at_.reset();
    for (const FileStamp& stamp : {stamps.cur, stamps.fresh}) {
        if (!is_settled(stamp.mtime_ns)) {
            auto wait = std::chrono::nanoseconds(2 * granularity(stamp.mtime_ns));
            verify_at_ = std::max(verify_at_.value_or(Clock::time_point()), Clock::now() + wait);
        }
    }
}

std::vector<std::string> Mailbox::keywords_of(const MailMessage& message) const {
    std::vector<std::string> names;
    for (int i = 0; i < kMaxKeywords; ++i) {
        if ((message.keywords >> i & 1) != 0 && !keywords_.name(i).empty()) {
            names.emplace_back(keywords_.name(i));
        }
    }
    for (const std::string& name : more_keywords_of(message)) {
        if (!has_letter(message, name)) {
            names.push_back(name);
        }
    }
    return names;
}

const std::vector<std::string>& Mailbox::more_keywords_of(const MailMessage& /*message*/) const {
    static const std::vector<std::string> none;
    return none;
}

bool Mailbox::has_letter(const MailMessage& message, std::string_view name) const {
    auto number = keywords_.find(name);
    return number && (message.keywords >> *number & 1) != 0;
}

bool Mailbox::has_keyword(const MailMessage& message, std::string_view name) const {
    return has_letter(message, name) ||
           std::ranges::any_of(more_keywords_of(message),
                               [name](const std::string& each) { return iequals(each, name); });
}

std::vector<std::string> Mailbox::keyword_names() const {
    std::vector<std::string> names = keywords_.names();
    for (std::string& name : more_keyword_names()) {
        if (!keywords_.find(name)) {
            names.push_back(std::move(name));
        }
    }
    return names;
}

// Messages whose letters mean something else now have changed.
void Mailbox::take_keywords(KeywordFile file) {
    std::uint32_t renamed = 0;
    for (int i = 0; i < kMaxKeywords; ++i) {
        bool same = keywords_.name(i).empty() || keywords_.name(i) == file.name(i);
        renamed |= same ? 0 : 1U << i;
    }
    if (renamed != 0) {
        ChangeTurn turn(*this);
        for (MailMessage& message : messages_) {
            if ((message.keywords & renamed) != 0) {
                turn.changed(message);
            }
        }
    }
    keywords_ = std::move(file);
    known_.keywords = keywords_.stamp();
    index_stale_ = true;
}

}  // namespace relais
