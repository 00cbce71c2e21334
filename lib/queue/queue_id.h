// Queue ids: the name of a message from the moment its file exists.
// Short: 5 hex digits of microseconds, the inode in hex.  Long (enable_long_queue_ids): seconds
// and microseconds in base 52, "z", the inode in base 51; never reused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

struct QueueTime {
    std::int64_t seconds = 0;
    std::int64_t microseconds = 0;
};

[[nodiscard]] QueueTime queue_time_now();

enum class QueueIdForm { kShort, kLong };

[[nodiscard]] std::string make_queue_id(QueueIdForm form, QueueTime time, std::uint64_t inode);

// 1 to 255 letters, digits and underscores.
[[nodiscard]] bool valid_queue_id(std::string_view id);
// 1 to 100 letters and digits.
[[nodiscard]] bool valid_queue_name(std::string_view name);

[[nodiscard]] bool is_long_queue_id(std::string_view id);

// The inode that the id was made from; nothing for malformed ids.
[[nodiscard]] std::optional<std::uint64_t> queue_id_inode(std::string_view id);
// The microseconds, as the 5 hex digits that directory hashing of long ids goes by.
[[nodiscard]] std::optional<std::string> queue_id_hex_microseconds(std::string_view id);
// The id with its time part kept and the inode replaced, in the wanted form where that is
// possible (a short id has no seconds, so it stays short).
[[nodiscard]] std::optional<std::string> queue_id_with_inode(std::string_view id, QueueIdForm form,
                                                             std::uint64_t inode);

}  // namespace relais
