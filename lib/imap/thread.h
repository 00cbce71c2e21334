// Conversations: the algorithms of THREAD (RFC 5256 and Dovecot's REFS).  Works on numbers, without
// recursion: a conversation may be as long as the mailbox.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relais::imap {

enum class ThreadAlgorithm { kOrderedSubject, kReferences, kRefs };

// Upper or lower case; nothing for one that is not known.
[[nodiscard]] std::optional<ThreadAlgorithm> thread_algorithm(std::string_view name);

struct ThreadMessage {
    static constexpr std::uint32_t kNoId = std::numeric_limits<std::uint32_t>::max();

    std::uint32_t number = 0;  // as it is answered: ascending
    std::uint32_t id = kNoId;  // of its Message-ID: equal ones have the same number
    std::span<const std::uint32_t> references;  // such numbers, the oldest first
    std::int64_t time = 0;
    std::uint32_t subject = 0;  // equal base subjects have the same number; 0 is the empty one
    bool is_reply = false;      // by its subject
};

// "(1 2)(3 (4)(5))"; all ids are below `id_count`.
[[nodiscard]] std::string thread_messages(ThreadAlgorithm algorithm,
                                          std::span<const ThreadMessage> messages,
                                          std::uint32_t id_count);

}  // namespace relais::imap
