// The file relais.cache of a mailbox: what was once found out about messages (sizes, headers,
// structure), so that their files need not be read again.  One blob for each UID; what is in it is
// the caller's business.  Append-only; may be deleted, cut or overwritten at any time by anybody.
// Therefore it is read, not mapped: what is behind the end of a mapped file kills the process.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/unique_fd.h"

namespace relais {

class MessageCache {
  public:
    MessageCache(std::string directory, unsigned mode)
        : path_(std::move(directory) + "/relais.cache"), mode_(mode) {}

    MessageCache(const MessageCache&) = delete;
    MessageCache& operator=(const MessageCache&) = delete;
    ~MessageCache();

    // Reads what the file has, unless it is of another UIDVALIDITY.  Repeated calls are cheap.
    void open(std::uint32_t uid_validity);

    // There is something, which may turn out to be damaged.
    bool contains(std::uint32_t uid) const { return slots_.contains(uid); }

    // Valid until the next call.
    std::optional<std::string_view> find(std::uint32_t uid);

    void put(std::uint32_t uid, std::string_view blob);

    // Appends what was put to the file.  A file that cannot be written costs time, nothing else.
    void flush();

    // Writes the file anew when more than half of it is about messages that are gone.
    void compact(std::span<const std::uint32_t> live);

    static constexpr std::size_t kMaxBlob = std::size_t{1} << 20;  // larger ones are not kept

  private:
    struct Slot {
        std::uint64_t offset = 0;  // of the blob; behind the mapping: in `pending_`
        std::uint32_t size = 0;
        std::uint32_t checksum = 0;
    };

    void read_records(std::uint64_t end);
    bool is_intact() const;
    void start_anew();
    std::string_view read_at(std::uint64_t offset, std::size_t size);

    std::string path_;
    unsigned mode_;
    std::uint32_t uid_validity_ = 0;
    UniqueFd file_;
    std::string window_;  // what was read last, with the records around it
    std::uint64_t window_at_ = 0;
    std::string pending_;          // records that are not in the file yet
    std::uint64_t file_size_ = 0;  // where pending_ will begin
    std::unordered_map<std::uint32_t, Slot> slots_;
};

}  // namespace relais
