#include "lib/store/change_journal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <type_traits>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::array<char, 8> kMagic = {'R', 'L', 'S', 'C', 'H', 'G', '0', '1'};
constexpr std::size_t kMaxFile = std::size_t{1} << 20;  // then the older part is left out
constexpr std::size_t kKept = 8192;                     // records of it
constexpr std::size_t kMaxRead = std::size_t{64} << 20;
constexpr int kLockAttempts = 20;
constexpr timespec kLockPause = {0, 500'000};
constexpr std::uint64_t kMaxModseq = std::uint64_t{1} << 62;  // half of what RFC 7162 has room for

using Boot = std::array<char, 40>;

struct JournalHeader {
    std::array<char, 8> magic{};
    std::uint32_t uid_validity = 0;
    std::uint32_t reserved = 0;
    std::uint64_t since = 0;
    std::uint64_t inode = 0;  // of the file itself: a copy has another one
    Boot boot{};
};

struct JournalRecord {
    std::uint64_t modseq;
    std::uint32_t first;
    std::uint32_t last;
    std::uint32_t kind;
    std::uint32_t check;
};

static_assert(std::is_trivially_copyable_v<JournalHeader> && sizeof(JournalHeader) == 72);
static_assert(std::is_trivially_copyable_v<JournalRecord> && sizeof(JournalRecord) == 24);

const Boot& this_boot() {
    static const Boot boot = [] {
        Boot id{};
        auto text = read_file("/proc/sys/kernel/random/boot_id", 100);
        if (text) {
            std::string_view word = trim(*text);
            std::ranges::copy(word.substr(0, id.size()), id.begin());
        }
        return id;
    }();
    return boot;
}

// Finds what is torn, nothing cleverer.
std::uint32_t check_of(const JournalRecord& record) {
    std::uint64_t sum = record.modseq * 0x9e3779b97f4a7c15;
    sum = (sum ^ (std::uint64_t{record.first} << 32 | record.last)) * 0x100000001b3;
    sum ^= record.kind + (sum >> 29);
    return static_cast<std::uint32_t>(sum >> 16) | 1;
}

std::string format_records(std::span<const ChangeRecord> records) {
    std::string bytes;
    bytes.reserve(records.size() * sizeof(JournalRecord));
    for (const ChangeRecord& record : records) {
        JournalRecord raw{record.modseq, record.first, record.last,
                          static_cast<std::uint32_t>(record.kind), 0};
        raw.check = check_of(raw);
        bytes.append(reinterpret_cast<const char*>(&raw), sizeof(raw));
    }
    return bytes;
}

std::optional<std::string> read_from(int fd, std::uint64_t offset, std::uint64_t size) {
    if (size > kMaxRead) {
        return std::nullopt;
    }
    std::string bytes(static_cast<std::size_t>(size), '\0');
    std::size_t have = 0;
    while (have < bytes.size()) {
        ssize_t got = ::pread(fd, bytes.data() + have, bytes.size() - have,
                              static_cast<off_t>(offset + have));
        if (got <= 0) {
            return std::nullopt;
        }
        have += static_cast<std::size_t>(got);
    }
    return bytes;
}

}  // namespace

bool ChangeJournal::exists(const std::string& directory) {
    return ::access((directory + "/" + std::string(kFileName)).c_str(), F_OK) == 0;
}

bool ChangeJournal::open(std::uint32_t uid_validity) {
    file_ = UniqueFd();
    auto fd = open_file(path_, O_RDWR | O_APPEND | O_NOFOLLOW);
    if (!fd) {
        return false;
    }
    struct stat status;
    JournalHeader header;
    auto bytes =
        ::fstat(fd->get(), &status) == 0 ? read_from(fd->get(), 0, sizeof(header)) : std::nullopt;
    if (!bytes) {
        return false;
    }
    std::memcpy(&header, bytes->data(), sizeof(header));
    if (header.magic != kMagic || header.uid_validity != uid_validity ||
        header.inode != status.st_ino || header.since > kMaxModseq) {
        return false;
    }
    file_ = std::move(*fd);
    inode_ = status.st_ino;
    uid_validity_ = uid_validity;
    since_ = header.since;
    last_ = std::max(last_, since_);
    read_to_ = sizeof(header);
    of_this_boot_ = header.boot == this_boot();
    return true;
}

Result<void> ChangeJournal::start(std::uint32_t uid_validity, std::uint64_t since) {
    uid_validity_ = uid_validity;
    return replace({}, since);
}

Result<void> ChangeJournal::replace(std::span<const ChangeRecord> records, std::uint64_t since) {
    std::string temporary = path_ + ".tmp";
    auto fd = open_file(temporary, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW, mode_);
    struct stat status;
    if (!fd) {
        return fail_with(fd);
    }
    if (::fstat(fd->get(), &status) < 0) {
        return fail_errno("stat " + temporary);
    }
    JournalHeader header;
    header.magic = kMagic;
    header.uid_validity = uid_validity_;
    header.since = since;
    header.inode = status.st_ino;
    header.boot = this_boot();
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    bytes += format_records(records);
    auto written = write_all(fd->get(), bytes);
    if (written && std::rename(temporary.c_str(), path_.c_str()) < 0) {
        written = fail_errno("rename " + temporary);
    }
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    file_ = std::move(*fd);
    inode_ = status.st_ino;
    since_ = since;
    last_ = std::max(last_, records.empty() ? since : records.back().modseq);
    read_to_ = bytes.size();
    of_this_boot_ = true;
    return {};
}

bool ChangeJournal::parse(std::string_view bytes, std::vector<ChangeRecord>& records) {
    if (bytes.size() % sizeof(JournalRecord) != 0) {
        return false;
    }
    std::uint64_t before = since_;
    for (; !bytes.empty(); bytes.remove_prefix(sizeof(JournalRecord))) {
        JournalRecord raw;
        std::memcpy(&raw, bytes.data(), sizeof(raw));
        if (raw.check != check_of(raw) || raw.first > raw.last || raw.modseq > kMaxModseq ||
            raw.kind > 1 || raw.modseq < before) {
            return false;
        }
        before = raw.modseq;
        records.push_back(
            {raw.modseq, raw.first, raw.last, static_cast<ChangeRecord::Kind>(raw.kind)});
    }
    return true;
}

std::optional<std::vector<ChangeRecord>> ChangeJournal::read_on() {
    struct stat status;
    if (!file_ || ::stat(path_.c_str(), &status) < 0) {
        return std::nullopt;
    }
    std::uint64_t known = last_;
    bool another = status.st_ino != inode_;
    if (another && (!open(uid_validity_) || since_ > known || ::fstat(file_.get(), &status) < 0)) {
        return std::nullopt;
    }
    auto size = static_cast<std::uint64_t>(status.st_size);
    std::vector<ChangeRecord> records;
    if (size == read_to_) {
        return records;
    }
    auto bytes = size > read_to_ ? read_from(file_.get(), read_to_, size - read_to_) : std::nullopt;
    if (!bytes || !parse(*bytes, records)) {
        return std::nullopt;
    }
    read_to_ = size;
    if (another) {
        std::erase_if(records, [known](const ChangeRecord& each) { return each.modseq <= known; });
    }
    last_ = records.empty() ? last_ : std::max(last_, records.back().modseq);
    return records;
}

Result<void> ChangeJournal::append(std::span<const ChangeRecord> records) {
    std::string bytes = format_records(records);
    // In one write, so that whoever does not wait for the lock sees it whole.
    auto written = write_all(file_.get(), bytes);
    if (!written) {
        return written;
    }
    read_to_ += bytes.size();
    last_ = std::max(last_, records.back().modseq);
    if (read_to_ > kMaxFile) {
        shorten();
    }
    return {};
}

// Leaves out what is oldest.  Where that fails, the file stays as it is.
void ChangeJournal::shorten() {
    std::vector<ChangeRecord> records;
    auto bytes = read_from(file_.get(), sizeof(JournalHeader), read_to_ - sizeof(JournalHeader));
    if (!bytes || !parse(*bytes, records) || records.size() <= kKept) {
        return;
    }
    std::span<const ChangeRecord> kept = std::span(records).last(kKept);
    std::uint64_t since = records[records.size() - kKept - 1].modseq;
    auto old = std::move(file_);  // keeps the lock until the new one is there
    auto replaced = replace(kept, since);
    if (!replaced) {
        file_ = std::move(old);
    }
}

void ChangeJournal::lock() {
    across_machines_ = file_ ? lock_across_machines(path_, storage_) : std::nullopt;
    for (int attempt = 0; file_ && attempt < kLockAttempts; ++attempt) {
        if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
            return;
        }
        ::nanosleep(&kLockPause, nullptr);
    }
}

void ChangeJournal::unlock() {
    if (file_) {
        ::flock(file_.get(), LOCK_UN);
    }
    across_machines_.reset();
}

void ChangeJournal::confirm_boot() {
    auto fd = of_this_boot_ ? fail(Errc::kNotFound, "") : open_file(path_, O_WRONLY | O_NOFOLLOW);
    if (fd) {
        std::string_view boot(this_boot().data(), this_boot().size());
        of_this_boot_ =
            ::pwrite(fd->get(), boot.data(), boot.size(), offsetof(JournalHeader, boot)) ==
            static_cast<ssize_t>(boot.size());
    }
}

void ChangeJournal::remove() {
    file_ = UniqueFd();
    ::unlink(path_.c_str());
}

void ChangeHistory::add(const ChangeRecord& record) {
    constexpr std::size_t kMost = 8192;
    if (records_.size() >= kMost) {
        auto half = records_.begin() + kMost / 2;
        since_ = std::max(since_, std::prev(half)->modseq);
        records_.erase(records_.begin(), half);
    }
    records_.push_back(record);
}

void ChangeHistory::forget(std::uint64_t modseq) {
    since_ = std::max(since_, modseq);
    std::erase_if(records_, [this](const ChangeRecord& each) { return each.modseq <= since_; });
}

std::optional<std::vector<ChangeRecord>> ChangeHistory::after(std::uint64_t modseq) const {
    if (modseq < since_) {
        return std::nullopt;
    }
    auto from = std::ranges::upper_bound(records_, modseq, {}, &ChangeRecord::modseq);
    return std::vector<ChangeRecord>(from, records_.end());
}

}  // namespace relais
