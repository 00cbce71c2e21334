#include "lib/store/message_cache.h"

#include <array>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 30;
constexpr std::size_t kMaxBlob = std::size_t{1} << 20;
constexpr std::size_t kFlushAt = std::size_t{4} << 20;
constexpr std::size_t kWorthCompacting = std::size_t{1} << 20;

struct CacheHeader {
    std::array<char, 8> magic{};
    std::uint32_t uid_validity = 0;
    std::uint32_t reserved = 0;
};

constexpr std::array<char, 8> kMagic = {'R', 'L', 'S', 'C', 'A', 'C', '0', '2'};

// Before each blob; blobs are padded to eight bytes.
struct RecordHeader {
    std::uint32_t mark = 0;
    std::uint32_t uid = 0;
    std::uint32_t size = 0;
    std::uint32_t checksum = 0;
};

constexpr std::uint32_t kMark = 0x524d5347;

std::uint32_t checksum_of(std::uint32_t uid, std::string_view blob) {
    std::uint64_t sum = 0xcbf29ce484222325 ^ uid;
    while (blob.size() >= 8) {
        std::uint64_t word;
        std::memcpy(&word, blob.data(), 8);
        sum = (sum ^ word) * 0x100000001b3;
        sum ^= sum >> 31;
        blob.remove_prefix(8);
    }
    for (char c : blob) {
        sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return static_cast<std::uint32_t>(sum ^ sum >> 32);
}

std::size_t padded(std::size_t size) {
    return (size + 7) & ~std::size_t{7};
}

void append_record(std::string& out, std::uint32_t uid, std::string_view blob) {
    RecordHeader header{kMark, uid, static_cast<std::uint32_t>(blob.size()),
                        checksum_of(uid, blob)};
    out.append(reinterpret_cast<const char*>(&header), sizeof(header));
    out += blob;
    out.append(padded(blob.size()) - blob.size(), '\0');
}

std::string file_header(std::uint32_t uid_validity) {
    CacheHeader header{kMagic, uid_validity, 0};
    return std::string(reinterpret_cast<const char*>(&header), sizeof(header));
}

}  // namespace

MessageCache::~MessageCache() {
    flush();
    unmap();
}

void MessageCache::unmap() {
    if (map_ != nullptr) {
        ::munmap(const_cast<char*>(map_), map_size_);
    }
    map_ = nullptr;
    map_size_ = 0;
}

void MessageCache::map_file() {
    unmap();
    auto fd = open_file(path_, O_RDONLY);
    struct stat status;
    if (!fd || ::fstat(fd->get(), &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size < static_cast<off_t>(sizeof(CacheHeader)) ||
        status.st_size > static_cast<off_t>(kMaxFile)) {
        return;
    }
    auto size = static_cast<std::size_t>(status.st_size);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd->get(), 0);
    if (at != MAP_FAILED) {
        map_ = static_cast<const char*>(at);
        map_size_ = size;
    }
}

void MessageCache::start_anew() {
    unmap();
    slots_.clear();
    pending_.clear();
    file_size_ = 0;
}

void MessageCache::open(std::uint32_t uid_validity) {
    if (uid_validity == uid_validity_) {
        return;
    }
    start_anew();
    uid_validity_ = uid_validity;
    map_file();
    CacheHeader header;
    if (map_ != nullptr) {
        std::memcpy(&header, map_, sizeof(header));
    }
    if (map_ == nullptr || header.magic != kMagic || header.uid_validity != uid_validity) {
        start_anew();  // the first flush replaces the file
        return;
    }
    read_records(sizeof(header));
    if (file_size_ < map_size_ && ::truncate(path_.c_str(), static_cast<off_t>(file_size_)) < 0) {
        start_anew();  // a torn end that stays would hide what is added behind it
    }
}

void MessageCache::read_records(std::uint64_t from) {
    std::uint64_t at = from;
    while (at + sizeof(RecordHeader) <= map_size_) {
        RecordHeader record;
        std::memcpy(&record, map_ + at, sizeof(record));
        std::uint64_t blob = at + sizeof(record);
        if (record.mark != kMark || record.size > kMaxBlob ||
            blob + padded(record.size) > map_size_) {
            break;  // torn; what follows cannot be found
        }
        slots_[record.uid] = {blob, record.size, record.checksum};
        at = blob + padded(record.size);
    }
    file_size_ = at;
}

std::optional<std::string_view> MessageCache::find(std::uint32_t uid) {
    auto found = slots_.find(uid);
    if (found == slots_.end()) {
        return std::nullopt;
    }
    const Slot& slot = found->second;
    if (slot.offset >= file_size_) {
        return std::string_view(pending_).substr(slot.offset - file_size_, slot.size);
    }
    if (slot.offset + slot.size > map_size_) {
        map_file();
    }
    if (slot.offset + slot.size > map_size_) {
        return std::nullopt;
    }
    std::string_view blob = mapped().substr(slot.offset, slot.size);
    if (checksum_of(uid, blob) != slot.checksum) {
        slots_.erase(found);
        return std::nullopt;
    }
    return blob;
}

void MessageCache::put(std::uint32_t uid, std::string_view blob) {
    if (blob.size() > kMaxBlob || uid_validity_ == 0 ||
        file_size_ + pending_.size() + blob.size() > kMaxFile - kMaxBlob) {
        return;
    }
    std::uint64_t offset = file_size_ + pending_.size() + sizeof(RecordHeader);
    append_record(pending_, uid, blob);
    slots_[uid] = {offset, static_cast<std::uint32_t>(blob.size()), checksum_of(uid, blob)};
    if (pending_.size() >= kFlushAt) {
        flush();
    }
}

void MessageCache::flush() {
    if (pending_.empty()) {
        return;
    }
    bool anew = file_size_ == 0;
    struct stat status;
    if (!anew && (::stat(path_.c_str(), &status) < 0 ||
                  static_cast<std::uint64_t>(status.st_size) != file_size_)) {
        // Removed, or another process has added to it: begin again with what is there now.
        std::uint32_t validity = uid_validity_;
        uid_validity_ = 0;
        open(validity);
        return;
    }
    auto fd = open_file(path_, O_WRONLY | O_CREAT | (anew ? O_TRUNC : O_APPEND), mode_);
    std::string text = anew ? file_header(uid_validity_) + pending_ : pending_;
    if (!fd || !write_all(fd->get(), text)) {
        slots_.clear();
        pending_.clear();
        return;
    }
    if (anew) {
        for (auto& [uid, slot] : slots_) {
            slot.offset += sizeof(CacheHeader);
        }
    }
    file_size_ += text.size();
    std::string().swap(pending_);
}

void MessageCache::compact(std::span<const std::uint32_t> live) {
    flush();
    std::uint64_t used = 0;
    for (std::uint32_t uid : live) {
        auto found = slots_.find(uid);
        used += found == slots_.end() ? 0 : found->second.size + sizeof(RecordHeader);
    }
    if (file_size_ < kWorthCompacting || used > file_size_ / 2) {
        return;
    }
    std::string text = file_header(uid_validity_);
    for (std::uint32_t uid : live) {
        if (auto blob = find(uid)) {
            append_record(text, uid, *blob);
        }
    }
    std::string temporary = path_ + ".tmp";
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode_);
    if (fd && write_all(fd->get(), text) && std::rename(temporary.c_str(), path_.c_str()) == 0) {
        std::uint32_t validity = uid_validity_;
        uid_validity_ = 0;
        open(validity);
    } else {
        ::unlink(temporary.c_str());
    }
}

}  // namespace relais
