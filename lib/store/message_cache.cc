#include "lib/store/message_cache.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 30;
constexpr std::size_t kWindow = std::size_t{32} * 1024;
constexpr std::size_t kFlushAt = std::size_t{4} << 20;
constexpr std::size_t kWorthCompacting = std::size_t{1} << 20;

struct CacheHeader {
    std::array<char, 8> magic{};
    std::uint32_t uid_validity = 0;
    std::uint32_t reserved = 0;
};

constexpr std::array<char, 8> kMagic = {'R', 'L', 'S', 'C', 'A', 'C', '0', '3'};

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
}

void MessageCache::start_anew() {
    file_ = UniqueFd();
    window_.clear();
    slots_.clear();
    pending_.clear();
    file_size_ = 0;
}

// The bytes at `offset`; fewer where the file ends.
std::string_view MessageCache::read_at(std::uint64_t offset, std::size_t size) {
    if (offset < window_at_ || offset + size > window_at_ + window_.size()) {
        window_.resize(std::max(size, kWindow));
        ssize_t got =
            ::pread(file_.get(), window_.data(), window_.size(), static_cast<off_t>(offset));
        window_.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        window_at_ = offset;
    }
    return std::string_view(window_).substr(static_cast<std::size_t>(offset - window_at_), size);
}

void MessageCache::open(std::uint32_t uid_validity) {
    if (uid_validity == uid_validity_) {
        return;
    }
    start_anew();
    uid_validity_ = uid_validity;
    auto fd = open_file(path_, O_RDONLY | O_NONBLOCK);
    struct stat status;
    if (!fd || ::fstat(fd->get(), &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size > static_cast<off_t>(kMaxFile)) {
        return;
    }
    file_ = std::move(*fd);
    std::string_view start = read_at(0, sizeof(CacheHeader));
    CacheHeader header;
    if (start.size() == sizeof(header)) {
        std::memcpy(&header, start.data(), sizeof(header));
    }
    if (header.magic != kMagic || header.uid_validity != uid_validity) {
        start_anew();  // the first flush replaces the file
        return;
    }
    auto size = static_cast<std::uint64_t>(status.st_size);
    read_records(size);
    if (file_size_ < size && ::truncate(path_.c_str(), static_cast<off_t>(file_size_)) < 0) {
        start_anew();  // a torn end that stays would hide what is added behind it
    }
}

void MessageCache::read_records(std::uint64_t end) {
    std::uint64_t at = sizeof(CacheHeader);
    while (at + sizeof(RecordHeader) <= end) {
        std::string_view start = read_at(at, sizeof(RecordHeader));
        if (start.size() < sizeof(RecordHeader)) {
            break;
        }
        RecordHeader record;
        std::memcpy(&record, start.data(), sizeof(record));
        std::uint64_t blob = at + sizeof(record);
        if (record.mark != kMark || record.size > MessageCache::kMaxBlob ||
            blob + padded(record.size) > end) {
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
    std::string_view blob = read_at(slot.offset, slot.size);
    if (blob.size() != slot.size || checksum_of(uid, blob) != slot.checksum) {
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

// False when the file was removed or replaced, or another process has added to it.
bool MessageCache::is_intact() const {
    struct stat named;
    struct stat opened;
    return ::stat(path_.c_str(), &named) == 0 && ::fstat(file_.get(), &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino &&
           static_cast<std::uint64_t>(named.st_size) == file_size_;
}

void MessageCache::flush() {
    if (pending_.empty()) {
        return;
    }
    bool anew = file_size_ == 0;
    if (!anew && !is_intact()) {
        // Begin again with what is there now.
        std::uint32_t validity = uid_validity_;
        uid_validity_ = 0;
        open(validity);
        return;
    }
    auto fd = open_file(path_, O_RDWR | O_CREAT | (anew ? O_TRUNC : O_APPEND), mode_);
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
    file_ = std::move(*fd);
    file_size_ += text.size();
    window_.clear();
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
