#include "imapd/pop3/maildrop.h"

#include <algorithm>
#include <limits>
#include <set>

#include <sys/stat.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/header_fields.h"

#include "imapd/pop3/settings.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 64;  // so many files are read before others get their turn
constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kWorthSaving = 20;  // so many sizes, before the uidlist is written for them

std::uint64_t wire_size(std::string_view text) {
    std::uint64_t size = text.size();
    char before = '\0';
    for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
        before = at > 0 ? text[at - 1] : '\0';
        size += before == '\r' ? 0 : 1;
    }
    return size;
}

bool is_control(char c) {
    return (c >= '\0' && c < ' ') || c == '\x7f';
}

// A name of a file as a client may be told it: it can have anything in it, line ends too.
std::string harmless(std::string text) {
    std::ranges::replace_if(text, is_control, '_');
    return text;
}

void rename_duplicates(std::vector<std::string>& uidls) {
    std::set<std::string_view> seen;
    for (std::string& uidl : uidls) {
        std::string name = uidl;
        for (int number = 2; seen.contains(name); ++number) {
            name = format("{}-{}", uidl, number);
        }
        uidl = std::move(name);
        seen.insert(uidl);
    }
}

}  // namespace

Task<Result<void>> Maildrop::open() {
    mailbox_ = user_.open("INBOX");
    auto synced = co_await mailbox_->box.sync(MailboxAccess::kReadWrite);
    if (!synced) {
        co_return synced;
    }
    uid_validity_ = mailbox_->box.uid_validity();
    auto listed = mailbox_->box.extended_entries();
    if (!listed) {
        co_return fail_with(listed);
    }
    choose_messages();
    take_extensions(std::move(*listed));
    co_await find_sizes();
    order_messages();
    count_ = entries_.size();
    for (const Entry& entry : entries_) {
        octets_ += entry.size;
    }
    co_return Result<void>();
}

bool Maildrop::is_hidden(const MailMessage& message) const {
    const std::string& flag = pop3_settings().deleted_flag;
    if (flag.empty()) {
        return false;
    }
    if (iequals(flag, "\\Deleted")) {
        return (message.system & MessageFlags::kDeleted) != 0;
    }
    auto names = mailbox_->box.keywords_of(message);
    return std::ranges::any_of(names, [&](const std::string& name) { return iequals(name, flag); });
}

void Maildrop::choose_messages() {
    for (const MailMessage& message : mailbox_->box.messages()) {
        if (is_hidden(message)) {
            continue;
        }
        Entry entry;
        entry.uid = message.uid;
        auto size = mailbox_->box.known_size(message, MessageSize::kWire);
        entry.size = size.value_or(kUnknown);
        entries_.push_back(entry);
    }
}

void Maildrop::take_extensions(std::vector<UidListEntry> listed) {
    auto at = entries_.begin();
    for (const UidListEntry& line : listed) {
        while (at != entries_.end() && at->uid < line.uid) {
            ++at;
        }
        if (at == entries_.end() || at->uid != line.uid) {
            continue;
        }
        if (auto uidl = uidlist_extension(line.extensions, 'P')) {
            saved_uidls_.emplace(line.uid, *uidl);
        }
        if (auto guid = uidlist_extension(line.extensions, 'G')) {
            guids_.emplace(line.uid, *guid);
        }
        auto order = uidlist_extension(line.extensions, 'O');
        if (auto number = order ? parse_uint(*order) : std::nullopt) {
            constexpr std::uint64_t kLast = std::numeric_limits<std::uint32_t>::max();
            order_.emplace(line.uid, static_cast<std::uint32_t>(std::min(*number, kLast)));
        }
        auto text = uidlist_extension(line.extensions, 'W');
        auto size = text ? parse_uint(*text) : std::nullopt;
        if (at->size == kUnknown && size) {
            at->size = *size;
        }
    }
}

// Where the size in bytes has to do (pop3_fast_size_lookups, a file that cannot be read), it is not
// kept: somebody may look better some day.
std::uint64_t Maildrop::measure(const MailMessage& message) {
    OpenMailbox& mailbox = *mailbox_;
    std::pair key(uid_validity_, message.uid);
    auto known = mailbox.wire_sizes.find(key);
    if (known != mailbox.wire_sizes.end()) {
        return known->second;
    }
    std::uint64_t stored = mailbox.box.stored_size(message);
    if (conf().pop3_fast_size_lookups() && stored > 0) {
        return stored;
    }
    auto file = MessageFile::open(mailbox.box, message);
    if (file) {
        return mailbox.wire_sizes[key] = wire_size(file->text());
    }
    if (stored > 0) {
        log_warning("user {}: {}", printable(user_.name()), file.error().message);
    }
    return stored;
}

// The sizes that neither a name nor the uidlist tells.
Task<void> Maildrop::find_sizes() {
    std::size_t looked = 0;
    for (Entry& entry : entries_) {
        if (entry.size != kUnknown) {
            continue;
        }
        const MailMessage* message = mailbox_->box.find(entry.uid);
        entry.size = message != nullptr ? measure(*message) : 0;
        if (++looked % kChunk == 0) {
            co_await yield();
        }
    }
    if (mailbox_->wire_sizes.size() >= kWorthSaving) {
        co_await save_sizes();
    }
}

// As Dovecot does it, so that no server has to read these messages again.
Task<void> Maildrop::save_sizes() {
    std::vector<Mailbox::UidExtension> found;
    for (const auto& [key, size] : mailbox_->wire_sizes) {
        if (key.first == uid_validity_) {
            found.push_back({key.second, std::to_string(size)});
        }
    }
    auto saved = co_await mailbox_->box.set_extensions('W', std::move(found));
    if (saved) {
        mailbox_->wire_sizes.clear();
    }
}

// Messages that were taken over from another server keep their order there; new ones are behind.
void Maildrop::order_messages() {
    if (order_.empty()) {
        return;
    }
    auto order_of = [this](const Entry& entry) {
        auto found = order_.find(entry.uid);
        return found == order_.end() ? std::numeric_limits<std::uint32_t>::max() : found->second;
    };
    std::ranges::sort(entries_, {}, [&order_of](const Entry& entry) {
        return std::pair(order_of(entry), entry.uid);
    });
}

void Maildrop::mark_deleted(std::size_t at) {
    entries_[at].deleted = true;
    --count_;
    octets_ -= entries_[at].size;
}

void Maildrop::reset() {
    for (Entry& entry : entries_) {
        octets_ += entry.deleted ? entry.size : 0;
        entry.deleted = false;
        entry.retrieved = false;
    }
    count_ = entries_.size();
}

Task<Result<MessageFile>> Maildrop::read(std::size_t at) {
    std::uint32_t uid = entries_[at].uid;
    const MailMessage* message = mailbox_->box.find(uid);
    auto file = message != nullptr ? MessageFile::open(mailbox_->box, *message)
                                   : Result<MessageFile>(fail(Errc::kNotFound, ""));
    if (!file && file.error().code == Errc::kNotFound) {
        // Gone, or under another name: somebody has changed its flags.
        auto synced = co_await mailbox_->box.sync(MailboxAccess::kReadWrite);
        message = synced && valid() ? mailbox_->box.find(uid) : nullptr;
        if (message != nullptr) {
            file = MessageFile::open(mailbox_->box, *message);
        }
    }
    co_return file;
}

// What another server had given it, and wrote into its header.
std::string Maildrop::given_uidl(const MailMessage& message) {
    auto file = MessageFile::open(mailbox_->box, message);
    auto field = file ? imap::find_field(file->text(), "X-UIDL") : std::nullopt;
    return field ? std::string(trim_right(trim_left(field->value), "\r\n")) : "";
}

std::string Maildrop::uidl(std::size_t at) {
    std::uint32_t uid = entries_[at].uid;
    const pop3::UidlFormat& format = pop3_settings().uidl_format;
    auto saved = saved_uidls_.find(uid);
    bool needs_file = saved != saved_uidls_.end() || pop3_settings().reuse_xuidl;
    if (!needs_file && !format.needs_names()) {
        return format.expand({uid, uid_validity_, "", ""});
    }
    const MailMessage* message = mailbox_->box.find(uid);
    const std::string base = message != nullptr ? mailbox_->box.base_name(*message) : "";
    if (saved != saved_uidls_.end()) {
        // An empty one is Dovecot's short form.
        return harmless(saved->second.empty() ? base : saved->second);
    }
    if (pop3_settings().reuse_xuidl && message != nullptr) {
        std::string given = harmless(given_uidl(*message));
        if (!given.empty()) {
            return given;
        }
    }
    auto guid = guids_.find(uid);
    pop3::UidlValues values;
    values.uid = uid;
    values.uid_validity = uid_validity_;
    values.file_name = base;
    values.guid = guid != guids_.end() ? guid->second : base;
    std::string made = harmless(format.expand(values));
    // A file that is gone has no name any longer, and an empty one nobody could read.
    return made.empty() ? std::to_string(uid) : made;
}

Task<Result<void>> Maildrop::prepare_uidls() {
    bool rename = pop3_settings().rename_duplicates;
    bool save = conf().pop3_save_uidl();
    if (std::exchange(uidls_prepared_, true) || (!rename && !save)) {
        co_return Result<void>();
    }
    std::vector<std::string> uidls;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        uidls.push_back(uidl(i));
    }
    if (rename) {
        rename_duplicates(uidls);
    }
    std::vector<Mailbox::UidExtension> fresh;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        auto [saved, is_new] = saved_uidls_.try_emplace(entries_[i].uid, uidls[i]);
        saved->second = uidls[i];
        if (is_new && !uidls[i].contains(' ')) {
            fresh.push_back({entries_[i].uid, uidls[i]});
        }
    }
    if (!save || fresh.empty()) {
        co_return Result<void>();
    }
    // What a client was told is to stay so: it is not told before.
    co_return co_await mailbox_->box.set_extensions('P', std::move(fresh));
}

std::size_t Maildrop::last_seen() const {
    for (std::size_t i = entries_.size(); i > 0; --i) {
        const Entry& entry = entries_[i - 1];
        const MailMessage* message = mailbox_->box.find(entry.uid);
        bool seen = message != nullptr && (message->system & MessageFlags::kSeen) != 0;
        if (entry.retrieved || seen) {
            return i;
        }
    }
    return 0;
}

std::vector<std::uint32_t> Maildrop::uids_where(bool (*wanted)(const Entry&)) const {
    std::vector<std::uint32_t> uids;
    for (const Entry& entry : entries_) {
        if (wanted(entry)) {
            uids.push_back(entry.uid);
        }
    }
    std::ranges::sort(uids);
    return uids;
}

Task<void> Maildrop::note_seen() {
    auto uids = uids_where([](const Entry& entry) { return entry.retrieved; });
    if (uids.empty() || conf().pop3_no_flag_updates() || !valid()) {
        co_return;
    }
    auto done =
        co_await mailbox_->box.change_flags(std::move(uids), FlagChange::kAdd, MessageFlags::kSeen);
    if (!done) {
        log_warning("user {}: {}", printable(user_.name()), done.error().message);
    }
}

// RFC 1460: where there is a LAST, RSET takes it back.
Task<void> Maildrop::forget_seen() {
    std::vector<std::uint32_t> uids = *mailbox_->box.uids();
    auto done = co_await mailbox_->box.change_flags(std::move(uids), FlagChange::kRemove,
                                                    MessageFlags::kSeen);
    if (!done) {
        log_warning("user {}: {}", printable(user_.name()), done.error().message);
    }
}

Task<Result<void>> Maildrop::remove_deleted() {
    auto uids = uids_where([](const Entry& entry) { return entry.deleted; });
    if (uids.empty()) {
        co_return Result<void>();
    }
    // Under the UIDs of another mailbox are other messages.
    auto synced = co_await mailbox_->box.sync(MailboxAccess::kReadWrite);
    if (!synced || !valid()) {
        co_return synced ? fail(Errc::kTemporary, "the mailbox is another one now") : synced;
    }
    if (pop3_settings().deletion == Pop3Settings::Delete::kExpunge) {
        auto gone = co_await mailbox_->box.expunge(std::move(uids));
        co_return gone ? Result<void>() : fail_with(gone);
    }
    const std::string& flag = pop3_settings().deleted_flag;
    bool system = iequals(flag, "\\Deleted");
    std::vector<std::string> keywords;
    if (!system) {
        keywords.push_back(flag);
    }
    auto changed = co_await mailbox_->box.change_flags(
        std::move(uids), FlagChange::kAdd, system ? MessageFlags::kDeleted : std::uint8_t{0},
        std::move(keywords));
    co_return changed ? Result<void>() : fail_with(changed);
}

}  // namespace relais
