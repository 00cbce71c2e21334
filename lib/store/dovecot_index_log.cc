#include "lib/store/dovecot_index_log.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace relais {

namespace {

constexpr std::size_t kLogHeader = 24;  // what all versions have at least
constexpr std::size_t kMaxExtensions = 1000;
constexpr std::size_t kMaxExtensionHeader = std::size_t{1} << 20;

enum Type : std::uint32_t {
    kExpunge = 0x1,
    kAppend = 0x2,
    kFlagUpdate = 0x4,
    kHeaderUpdate = 0x20,
    kExtIntro = 0x40,
    kExtReset = 0x80,
    kExtHeaderUpdate = 0x100,
    kExtRecordUpdate = 0x200,
    kKeywordUpdate = 0x400,
    kKeywordReset = 0x800,
    kExtAtomicInc = 0x1000,
    kExpungeGuid = 0x2000,
    kExtHeaderUpdate32 = 0x10000,
    kExpungeSign = 0xcd90,
    kExternal = 0x10000000,
    kMask = 0x0fffffff,
};

// A size as the log has it: seven bits in each byte, the highest set, of a quarter of the number.
std::optional<std::uint32_t> decode_size(std::string_view bytes) {
    std::uint32_t size = 0;
    for (char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0x80) == 0) {
            return std::nullopt;
        }
        size = size << 7 | (byte & 0x7f);
    }
    return size << 2;
}

}  // namespace

template <class Change>
void DovecotIndexLog::for_range(std::uint32_t first, std::uint32_t last, Change change) {
    auto at = index_.records_.lower_bound(first);
    while (at != index_.records_.end() && at->first <= last) {
        auto next = std::next(at);
        change(at);
        at = next;
    }
}

bool DovecotIndexLog::apply() {
    ByteReader head(bytes_);
    const std::uint8_t major = head.u8();
    head.u8();
    const std::uint16_t size = head.u16();
    head.u32();
    const std::uint32_t sequence = head.u32();
    if (!head.good() || major != 1 || size < kLogHeader || size > bytes_.size()) {
        return false;
    }
    // The snapshot says up to which place it knows.
    const std::uint32_t known_sequence = index_.read_header(60);
    if (sequence < known_sequence) {
        return true;
    }
    const std::uint32_t known_to = sequence == known_sequence ? index_.read_header(68) : 0;
    ByteReader reader(bytes_);
    reader.take(size);
    while (reader.size() >= 8) {
        const std::size_t at = reader.offset();
        auto length = decode_size(reader.take(4));
        const std::uint32_t type = reader.u32();
        if (!length || *length < 8 || *length - 8 > reader.size()) {
            break;
        }
        std::string_view body = reader.take(*length - 8);
        // Which extension is meant is told anew in each transaction, but what is known already may
        // have told it.
        if (at >= known_to || (type & kMask) == kExtIntro) {
            apply_one(type, body);
        }
    }
    return true;
}

void DovecotIndexLog::apply_one(std::uint32_t type, std::string_view bytes) {
    ByteReader body(bytes);
    switch (type & kMask) {
        case kExpunge | kExpungeSign:
            // Others are requests: what was done is told once more, as a fact.
            return (type & kExternal) != 0 ? expunge(body, 0) : void();
        case kExpungeGuid | kExpungeSign:
            return (type & kExternal) != 0 ? expunge(body, 16) : void();
        case kAppend:
            return append(body);
        case kFlagUpdate:
            return update_flags(body);
        case kHeaderUpdate:
            return update_header(body);
        case kExtIntro:
            return introduce(body);
        case kExtReset:
            return reset_extension(body);
        case kExtHeaderUpdate:
            return update_extension_header(body, false);
        case kExtHeaderUpdate32:
            return update_extension_header(body, true);
        case kExtRecordUpdate:
            return update_extension_records(body);
        case kExtAtomicInc:
            return increment_extension_records(body);
        case kKeywordUpdate:
            return update_keywords(body);
        case kKeywordReset:
            return reset_keywords(body);
        default:
            return;  // numbers of changes, marks, attributes
    }
}

void DovecotIndexLog::append(ByteReader body) {
    while (body.size() >= 8) {
        const std::uint32_t uid = body.u32();
        DovecotIndex::Record record;
        record.flags = body.u8();
        body.take(3);
        index_.records_.insert_or_assign(uid, std::move(record));
        const std::uint32_t next = uid + 1;
        if (uid != std::numeric_limits<std::uint32_t>::max() && next > index_.next_uid()) {
            std::memcpy(index_.header_.data() + 28, &next, sizeof(next));
        }
    }
}

// Ranges of UIDs, or one with `more` bytes of its GUID.
void DovecotIndexLog::expunge(ByteReader body, std::size_t more) {
    while (body.size() >= 8) {
        const std::uint32_t first = body.u32();
        const std::uint32_t last = more > 0 ? first : body.u32();
        body.take(more);
        for_range(first, last, [this](auto at) { index_.records_.erase(at); });
    }
}

void DovecotIndexLog::update_flags(ByteReader body) {
    while (body.size() >= 12) {
        const std::uint32_t first = body.u32();
        const std::uint32_t last = body.u32();
        const std::uint8_t add = body.u8();
        const std::uint8_t remove = body.u8();
        body.take(2);
        for_range(first, last, [add, remove](auto at) {
            at->second.flags = static_cast<std::uint8_t>((at->second.flags & ~remove) | add);
        });
    }
}

void DovecotIndexLog::update_header(ByteReader body) {
    while (body.size() >= 4) {
        const std::uint16_t offset = body.u16();
        std::string_view data = body.take(body.u16());
        body.align(4);
        // The places in the log are the snapshot's own affair.
        if (std::size_t{offset} + data.size() <= 60 && offset >= 16) {
            std::memcpy(index_.header_.data() + offset, data.data(), data.size());
        }
    }
}

void DovecotIndexLog::introduce(ByteReader body) {
    constexpr std::uint32_t kByName = 0xffffffff;
    const std::uint32_t number = body.u32();
    const std::uint32_t reset_id = body.u32();
    const std::uint32_t header_size = body.u32();
    const std::uint16_t record_size = body.u16();
    body.u16();
    body.u16();
    std::string_view name = body.take(body.u16());
    extension_.reset();
    if (!body.good() || header_size > kMaxExtensionHeader) {
        return;
    }
    if (number != kByName) {
        extension_ = number < index_.extensions_.size() ? std::optional(number) : std::nullopt;
    } else if (auto known = index_.extension_number(name)) {
        extension_ = known;
    } else if (!name.empty() && index_.extensions_.size() < kMaxExtensions) {
        extension_ = static_cast<std::uint32_t>(index_.extensions_.size());
        index_.extensions_.push_back({std::string(name), "", reset_id, record_size});
    }
    if (DovecotIndex::Extension* found = extension()) {
        found->record_size = record_size > 0 ? record_size : found->record_size;
        found->header.resize(std::max<std::size_t>(found->header.size(), header_size));
    }
}

DovecotIndex::Extension* DovecotIndexLog::extension() {
    return extension_ && *extension_ < index_.extensions_.size() ? &index_.extensions_[*extension_]
                                                                 : nullptr;
}

void DovecotIndexLog::reset_extension(ByteReader body) {
    DovecotIndex::Extension* found = extension();
    const std::uint32_t reset_id = body.u32();
    const bool preserve = body.u8() != 0;
    if (found == nullptr || !body.good()) {
        return;
    }
    found->reset_id = reset_id;
    if (!preserve) {
        std::ranges::fill(found->header, '\0');
        for (auto& [uid, record] : index_.records_) {
            record.extensions.erase(*extension_);
        }
    }
}

void DovecotIndexLog::update_extension_header(ByteReader body, bool wide) {
    DovecotIndex::Extension* found = extension();
    while (found != nullptr && body.size() >= 4) {
        const std::uint32_t offset = wide ? body.u32() : body.u16();
        std::string_view data = body.take(wide ? body.u32() : body.u16());
        body.align(4);
        if (offset <= kMaxExtensionHeader && data.size() <= kMaxExtensionHeader) {
            found->header.resize(std::max(found->header.size(), offset + data.size()));
            found->header.replace(offset, data.size(), data);
        }
    }
}

void DovecotIndexLog::update_extension_records(ByteReader body) {
    DovecotIndex::Extension* found = extension();
    while (found != nullptr && body.size() >= 4 + std::size_t{found->record_size}) {
        auto at = index_.records_.find(body.u32());
        std::string_view data = body.take(found->record_size);
        body.align(4);
        if (at != index_.records_.end()) {
            at->second.extensions[*extension_] = data;
        }
    }
}

void DovecotIndexLog::increment_extension_records(ByteReader body) {
    while (extension() != nullptr && body.size() >= 8) {
        auto at = index_.records_.find(body.u32());
        const std::uint32_t by = body.u32();
        std::string* value =
            at != index_.records_.end() ? &at->second.extensions[*extension_] : nullptr;
        if (value != nullptr) {
            value->resize(std::max<std::size_t>(value->size(), 2));
            const auto sum = static_cast<std::uint16_t>(ByteReader(*value).u16() + by);
            std::memcpy(value->data(), &sum, sizeof(sum));
        }
    }
}

void DovecotIndexLog::update_keywords(ByteReader body) {
    enum Modify : std::uint8_t { kAdd, kRemove };

    const std::uint8_t how = body.u8();
    body.u8();
    std::string_view name = body.take(body.u16());
    body.align(4);
    if (!body.good() || name.empty()) {
        return;
    }
    const std::uint32_t number = index_.keyword_number(name);
    while (number < index_.keywords_.size() && body.size() >= 8) {
        const std::uint32_t first = body.u32();
        for_range(first, body.u32(), [how, number](auto at) {
            auto& has = at->second.keywords;
            std::erase(has, number);
            if (how == kAdd) {
                has.insert(std::ranges::lower_bound(has, number), number);
            }
        });
    }
}

void DovecotIndexLog::reset_keywords(ByteReader body) {
    while (body.size() >= 8) {
        const std::uint32_t first = body.u32();
        for_range(first, body.u32(), [](auto at) { at->second.keywords.clear(); });
    }
}

}  // namespace relais
