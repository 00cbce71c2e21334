#include "lib/store/email_ids.h"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "lib/base/format.h"

namespace relais {

namespace {

constexpr std::size_t kBytes = 16;

// GUIDs are file names, with characters that an object id may not have.
std::string digest(std::string_view guid) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned size = 0;
    ::EVP_Digest(guid.data(), guid.size(), hash.data(), &size, ::EVP_sha256(), nullptr);
    std::string id = "M";
    for (std::size_t i = 0; i < kBytes; ++i) {
        id += format("{:02x}", hash[i]);
    }
    return id;
}

}  // namespace

std::string EmailIds::id_of(const Mailbox& box, const MailMessage& message) {
    if (!entries_) {
        entries_ = box.extended_entries().value_or(std::vector<UidListEntry>());
    }
    auto at = std::ranges::lower_bound(*entries_, message.uid, {}, &UidListEntry::uid);
    bool listed = at != entries_->end() && at->uid == message.uid;
    auto guid = listed ? uidlist_extension(at->extensions, 'G') : std::nullopt;
    return digest(guid ? std::string(*guid) : box.base_name(message));
}

}  // namespace relais
