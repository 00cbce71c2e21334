#include "lib/store/mailbox.h"

#include <algorithm>

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/store/change_turn.h"

namespace relais {

namespace {

constexpr std::size_t kMaxWaste = std::size_t{1} << 20;

}  // namespace

std::string Mailbox::list_path() const {
    return place_.directory + "/" + std::string(UidList::kFileName);
}

const MailMessage* Mailbox::find(std::uint32_t uid) const {
    auto at = std::ranges::lower_bound(messages_, uid, {}, &MailMessage::uid);
    return at != messages_.end() && at->uid == uid ? &*at : nullptr;
}

MailMessage* Mailbox::find_mutable(std::uint32_t uid) {
    auto at = std::ranges::lower_bound(messages_, uid, {}, &MailMessage::uid);
    return at != messages_.end() && at->uid == uid ? &*at : nullptr;
}

std::string Mailbox::relative_path(const MailMessage& message) const {
    std::string path = message.in_new ? "new/" : "cur/";
    return path += name_of(message);
}

std::string Mailbox::path_of(const MailMessage& message) const {
    return place_.directory + "/" + relative_path(message);
}

Result<int> Mailbox::directory_fd() {
    if (!directory_) {
        auto fd = open_file(place_.directory, O_RDONLY | O_DIRECTORY);
        if (!fd) {
            return fail_with(fd);
        }
        directory_ = std::move(*fd);
    }
    return directory_.get();
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

void Mailbox::add_message(std::uint32_t uid, std::string_view name, bool in_new) {
    MessageFlags flags = parse_maildir_flags(name);
    MailMessage message;
    message.uid = uid;
    message.system = flags.system;
    message.keywords = flags.keywords;
    message.name_at = static_cast<std::uint32_t>(names_.size());
    message.name_size = static_cast<std::uint16_t>(name.size());
    message.in_new = in_new;
    names_ += name;
    messages_.push_back(message);
}

void Mailbox::rename_in_memory(MailMessage& message, std::string_view name) {
    wasted_names_ += message.name_size;
    message.name_at = static_cast<std::uint32_t>(names_.size());
    message.name_size = static_cast<std::uint16_t>(name.size());
    names_ += name;
    MessageFlags flags = parse_maildir_flags(name);
    message.system = flags.system;
    message.keywords = flags.keywords;
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

Result<std::string> Mailbox::uidlist_extensions(std::uint32_t uid) const {
    auto list = UidList::load(place_.directory);
    if (!list) {
        return fail_with(list);
    }
    auto at = std::ranges::lower_bound(list->entries, uid, {}, &UidListEntry::uid);
    return at != list->entries.end() && at->uid == uid ? at->extensions : std::string();
}

}  // namespace relais
