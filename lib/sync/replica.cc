#include "lib/sync/replica.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kLongestGuid = 255;
constexpr std::size_t kKeptOfGuid = 200;
constexpr std::size_t kMailboxGuid = 32;
constexpr std::size_t kLongestWord = 255;

std::unexpected<Error> read_only() {
    return fail(Errc::kDenied, "The server's mailboxes can only be read from");
}

}  // namespace

std::string as_sync_guid(std::string text) {
    if (text.size() > kLongestGuid) {
        text = format("{}{:016x}", text.substr(0, kKeptOfGuid), sync_digest(text));
    }
    std::ranges::replace_if(text, [](char c) { return !is_print(c) || c == ' '; }, '_');
    return text.empty() ? "_" : text;
}

std::string as_mailbox_guid(const std::string& text) {
    bool fits = text.size() == kMailboxGuid && hex_decode(text);
    return fits ? text : std::string();
}

std::string pop3_extensions(std::string_view text) {
    std::string out;
    for (std::string_view word : split_words(text, " ")) {
        bool known = word.starts_with('P') || word.starts_with('O');
        if (known && word.size() <= kLongestWord && std::ranges::all_of(word, is_print)) {
            out += out.empty() ? "" : " ";
            out += word;
        }
    }
    return out;
}

bool MailboxContent::has_room_for(std::string_view keyword) const {
    return last_keywords.empty() || std::ranges::any_of(last_keywords, [&](const auto& each) {
               return iequals(each, keyword);
           });
}

Task<Result<void>> ReadOnlyReplica::change_tree(TreeChange /*change*/) {
    co_return read_only();
}

Task<Result<void>> ReadOnlyReplica::change(std::string /*mailbox*/, MailboxChange /*change*/) {
    co_return read_only();
}

Task<Result<void>> ReadOnlyReplica::put(std::string /*mailbox*/,
                                        std::vector<SyncText> /*messages*/) {
    co_return read_only();
}

std::uint64_t sync_digest(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325;
    for (char c : text) {
        value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return value;
}

}  // namespace relais
