#include "lib/sync/sync_state.h"

#include "lib/base/base64.h"
#include "lib/base/hex.h"
#include "lib/event/crc32.h"
#include "lib/store/byte_reader.h"

namespace relais {

namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kGuid = 16;
constexpr std::size_t kNumber = 4;
constexpr std::size_t kUnused = 16;  // numbers of changes, which are zero here
constexpr std::size_t kMailbox = kGuid + kUnused + 3 * kNumber;

void append_number(std::string& bytes, std::uint32_t number) {
    for (std::size_t i = 0; i < kNumber; ++i) {
        bytes += static_cast<char>(number >> (8 * i));
    }
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
        bytes.append(kUnused, '\0');
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
    ByteReader reader(*bytes);
    const std::uint32_t version = reader.u32();
    std::vector<MailboxState> mailboxes((content.size() - kNumber) / kMailbox);
    for (MailboxState& mailbox : mailboxes) {
        mailbox.guid = hex_encode(reader.take(kGuid));
        mailbox.uid_validity = reader.u32();
        mailbox.last_uid = reader.u32();
        reader.take(kUnused);
        mailbox.messages = reader.u32();
    }
    if (version != kVersion || reader.u32() != crc32_of(content)) {
        return fail(Errc::kSyntax, "Invalid version or checksum");
    }
    return mailboxes;
}

}  // namespace relais
