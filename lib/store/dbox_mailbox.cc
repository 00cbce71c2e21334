#include "lib/store/dbox_mailbox.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/store/byte_reader.h"
#include "lib/store/change_turn.h"
#include "lib/store/dovecot_index.h"

namespace relais {

namespace {

// Dovecot's bits, and ours.
MessageFlags flags_of(std::uint8_t bits) {
    constexpr std::array<std::pair<std::uint8_t, std::uint8_t>, 5> kBits = {
        {{0x01, MessageFlags::kAnswered},
         {0x02, MessageFlags::kFlagged},
         {0x04, MessageFlags::kDeleted},
         {0x08, MessageFlags::kSeen},
         {0x10, MessageFlags::kDraft}}};
    MessageFlags flags;
    for (const auto& [theirs, ours] : kBits) {
        flags.system |= (bits & theirs) != 0 ? ours : 0;
    }
    return flags;
}

template <class Value>
Result<Value> unchangeable() {
    return fail(Errc::kDenied, "sdbox and mdbox mailboxes are only read");
}

// The GUID behind a number in the header of an extension.
std::string guid_in(std::string_view header) {
    ByteReader reader(header);
    reader.u32();
    std::string_view guid = reader.take(16);
    return reader.good() ? hex_encode(guid) : "";
}

}  // namespace

Mailbox::Stamps DboxMailbox::stamps_now() const {
    Stamps stamps;
    stamps.directory = stamp_of(place_.directory);
    stamps.cur = stamp_of(indexes_ + "/dovecot.index.log");
    stamps.fresh = stamp_of(indexes_ + "/dovecot.index");
    return stamps;
}

Task<Result<void>> DboxMailbox::sync(MailboxAccess /*access*/) {
    Semaphore::Place turn = co_await busy_.take();
    const Stamps now = stamps_now();
    if (scanned_ && now == known_) {
        co_return Result<void>();
    }
    messages_.clear();
    more_.clear();
    names_.clear();
    snapshot_.reset();
    auto loaded = load();
    if (loaded) {
        set_known(now);
        first_recent_ = next_uid_;
        index_stale_ = false;  // nothing is written here
    }
    co_return loaded;
}

Result<void> DboxMailbox::load() {
    auto index = DovecotIndex::load(indexes_ + "/dovecot.index");
    const bool shared = !storage_.map.empty();
    if (!index || (shared && !index->exists())) {
        return index ? fail(Errc::kNotFound, place_.directory + " has no index") : fail_with(index);
    }
    if (!index->exists()) {
        return load_without_index();
    }
    auto map = shared ? DovecotIndex::load(storage_.map) : Result<DovecotIndex>(DovecotIndex());
    if (!map) {
        return fail_with(map);
    }
    uid_validity_ = index->uid_validity();
    next_uid_ = index->next_uid();
    guid_ = guid_in(index->extension_header(shared ? "mdbox-hdr" : "dbox-hdr"));
    KeywordFile keywords;
    ChangeTurn turn(*this);
    turn.unknown();
    for (const auto& [uid, record] : index->records()) {
        Spot spot;
        if (shared) {
            ByteReader at(index->extension_record(record, "mdbox"));
            auto entry = map->records().find(at.u32());
            ByteReader place(entry == map->records().end()
                                 ? std::string_view()
                                 : map->extension_record(entry->second, "map"));
            spot.file = place.u32();
            spot.offset = place.u32();
        }
        MessageFlags flags = flags_of(record.flags);
        for (std::uint32_t number : record.keywords) {
            if (number >= index->keywords().size()) {
                continue;
            }
            const std::string& name = index->keywords()[number];
            if (auto letter = keywords.find_or_add(name)) {
                flags.keywords |= 1U << *letter;
            } else {
                more_[uid].push_back(name);
            }
        }
        append_message(uid, {reinterpret_cast<const char*>(&spot), sizeof(spot)}, flags);
        turn.arrived(messages_.back());
    }
    keywords_ = std::move(keywords);
    return {};
}

// The names of sdbox's files have the UIDs.
Result<void> DboxMailbox::load_without_index() {
    auto entries = list_directory(place_.directory);
    if (!entries) {
        return fail_with(entries);
    }
    std::vector<std::uint32_t> uids;
    for (std::string_view entry : *entries) {
        auto uid = entry.starts_with("u.") ? parse_uint(entry.substr(2)) : std::nullopt;
        if (uid && *uid > 0 && *uid < 0xffffffff) {
            uids.push_back(static_cast<std::uint32_t>(*uid));
        }
    }
    std::ranges::sort(uids);
    uid_validity_ = 1;
    next_uid_ = uids.empty() ? 1 : uids.back() + 1;
    const Spot spot;
    for (std::uint32_t uid : uids) {
        append_message(uid, {reinterpret_cast<const char*>(&spot), sizeof(spot)}, {});
    }
    return {};
}

const std::vector<std::string>& DboxMailbox::more_keywords_of(const MailMessage& message) const {
    auto found = more_.find(message.uid);
    return found == more_.end() ? Mailbox::more_keywords_of(message) : found->second;
}

std::string DboxMailbox::path_of(const MailMessage& message) const {
    if (storage_.map.empty()) {
        return format("{}/u.{}", place_.directory, message.uid);
    }
    Spot spot;
    std::memcpy(&spot, name_of(message).data(), sizeof(spot));
    return format("{}/m.{}", storage_.directory, spot.file);
}

Result<DboxMessage> DboxMailbox::look_at(const MailMessage& message, DboxText text) const {
    Spot spot;
    std::memcpy(&spot, name_of(message).data(), sizeof(spot));
    const std::string path = path_of(message);
    auto found = read_dbox_message(path, spot.offset, text);
    const std::string& elsewhere = storage_.map.empty() ? alternative_ : storage_.alternative;
    if (!found && found.error().code == Errc::kNotFound && !elsewhere.empty()) {
        return read_dbox_message(elsewhere + path.substr(path.rfind('/')), spot.offset, text);
    }
    return found;
}

Result<StoredMessage> DboxMailbox::read(const MailMessage& message) {
    auto found = look_at(message, DboxText::kRead);
    return found ? Result<StoredMessage>({std::move(found->text), found->received})
                 : fail_with(found);
}

Mailbox::Reading DboxMailbox::reading(const MailMessage& message) {
    auto found = read(message);  // nobody searches much here
    return [found] { return found; };
}

Result<MessageTimes> DboxMailbox::times_of(const MailMessage& message) {
    auto found = look_at(message, DboxText::kSkip);
    return found ? Result<MessageTimes>({found->received, found->saved}) : fail_with(found);
}

std::uint64_t DboxMailbox::stored_size(const MailMessage& message) const {
    auto found = look_at(message, DboxText::kRead);
    return found ? found->text.size() : 0;
}

std::string DboxMailbox::base_name(const MailMessage& message) const {
    auto found = look_at(message, DboxText::kSkip);
    return found && !found->guid.empty() ? found->guid : format("{}-{}", guid_, message.uid);
}

// What POP3 clients have seen.
Result<std::vector<UidListEntry>> DboxMailbox::extended_entries() const {
    std::vector<UidListEntry> entries;
    for (const MailMessage& message : messages_) {
        auto found = look_at(message, DboxText::kSkip);
        std::string extensions;
        if (found && !found->pop3_uidl.empty()) {
            extensions = with_uidlist_extension(extensions, 'P', found->pop3_uidl);
        }
        if (found && !found->pop3_order.empty()) {
            extensions = with_uidlist_extension(extensions, 'O', found->pop3_order);
        }
        if (!extensions.empty()) {
            entries.push_back({message.uid, std::move(extensions), ""});
        }
    }
    return entries;
}

Task<Result<FlagOutcome>> DboxMailbox::change_flags(std::vector<std::uint32_t> /*uids*/,
                                                    FlagChange /*how*/, std::uint8_t /*system*/,
                                                    std::vector<std::string> /*keywords*/,
                                                    std::uint64_t /*unchanged_since*/) {
    co_return unchangeable<FlagOutcome>();
}

Task<Result<std::vector<std::uint32_t>>> DboxMailbox::expunge(std::vector<std::uint32_t> /*uids*/) {
    co_return unchangeable<std::vector<std::uint32_t>>();
}

Task<Result<std::vector<std::uint32_t>>> DboxMailbox::add(std::vector<NewMessage> /*added*/) {
    co_return unchangeable<std::vector<std::uint32_t>>();
}

Task<Result<void>> DboxMailbox::set_extensions(char /*key*/, std::vector<UidExtension> /*values*/) {
    co_return unchangeable<void>();
}

}  // namespace relais
