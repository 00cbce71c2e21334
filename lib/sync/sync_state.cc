#include "lib/sync/sync_state.h"

#include <algorithm>

#include "lib/base/base64.h"
#include "lib/base/hex.h"

namespace relais {

namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kGuid = 16;
constexpr std::size_t kMailbox = kGuid + 28;
constexpr std::size_t kNumber = 4;

// IEEE 802.3's.
std::uint32_t crc32_of(std::string_view bytes) {
    constexpr std::uint32_t kPolynomial = 0xedb88320;
    std::uint32_t crc = ~0U;
    for (char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
        }
    }
    return ~crc;
}

void append_number(std::string& bytes, std::uint32_t number) {
    for (std::size_t i = 0; i < kNumber; ++i) {
        bytes += static_cast<char>(number >> (8 * i));
    }
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = kNumber; i-- > 0;) {
        number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
    }
    return number;
}

}  // namespace

std::string serialize_sync_state(const std::vector<MailboxState>& mailboxes) {
    std::string bytes;
    append_number(bytes, kVersion);
    for (const MailboxState& mailbox : mailboxes) {
        std::string guid = hex_decode(mailbox.guid).value_or("");
        guid.resize(kGuid);
        bytes += guid;
        append_number(bytes, mailbox.uid_validity);
        append_number(bytes, mailbox.last_uid);
        bytes.append(16, '\0');
        append_number(bytes, mailbox.messages);
    }
    append_number(bytes, crc32_of(bytes));
    return base64_encode(bytes);
}

Result<std::vector<MailboxState>> parse_sync_state(std::string_view text) {
    auto bytes = base64_decode(text);
    if (!bytes) {
        return fail(Errc::kSyntax, "Invalid base64 data");
    }
    if (bytes->size() < 2 * kNumber || (bytes->size() - 2 * kNumber) % kMailbox != 0) {
        return fail(Errc::kSyntax,
                    bytes->size() < 2 * kNumber ? "Input too small" : "Invalid size");
    }
    std::string_view content = std::string_view(*bytes).substr(0, bytes->size() - kNumber);
    if (number_at(content, 0) != kVersion ||
        number_at(*bytes, content.size()) != crc32_of(content)) {
        return fail(Errc::kSyntax, "Invalid version or checksum");
    }
    std::vector<MailboxState> mailboxes;
    for (std::size_t at = kNumber; at < content.size(); at += kMailbox) {
        std::size_t numbers = at + kGuid;
        mailboxes.push_back({hex_encode(content.substr(at, kGuid)), number_at(content, numbers),
                             number_at(content, numbers + 4), number_at(content, numbers + 24)});
    }
    return mailboxes;
}

}  // namespace relais
