// How two of ours talk about mailboxes over a pipe: lists of attributes (lib/ipc/attr.h), and texts
// of messages behind the lists that announce them.  The server begins with a line; then the client
// asks and the server answers, one after the other.  Each side takes the other's bytes for hostile.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"
#include "lib/sync/replica.h"

namespace relais::sync_wire {

inline constexpr std::string_view kGreeting = "relais-sync 2\n";

// Requests, and what follows them:
inline constexpr std::string_view kList = "list";  // -> N, N mailboxes
inline constexpr std::string_view kLook =
    "look";  // mailbox -> N, numbers, last keywords, N messages
inline constexpr std::string_view kRead = "read";      // mailbox, UIDs -> N, N messages and texts
inline constexpr std::string_view kTree = "tree";      // a change
inline constexpr std::string_view kChange = "change";  // mailbox, a change
inline constexpr std::string_view kPut = "put";        // mailbox, N, N messages and texts

struct Request {
    std::string what;
    std::string mailbox;
    std::uint32_t count = 0;  // of what follows
};

void write_request(Stream& stream, const Request& request);
[[nodiscard]] Task<Result<Request>> read_request(Stream* stream);

// An answer: an error, or how many things follow.
void write_answer(Stream& stream, const Result<std::uint32_t>& count);
[[nodiscard]] Task<Result<std::uint32_t>> read_answer(Stream* stream);

void write_mailbox(Stream& stream, const SyncMailbox& mailbox);
[[nodiscard]] Task<Result<SyncMailbox>> read_mailbox(Stream* stream);

void write_numbers(Stream& stream, const MailboxNumbers& numbers);
[[nodiscard]] Task<Result<MailboxNumbers>> read_numbers(Stream* stream);

void write_last_keywords(Stream& stream, const std::vector<std::string>& keywords);
[[nodiscard]] Task<Result<std::vector<std::string>>> read_last_keywords(Stream* stream);

void write_message(Stream& stream, const SyncMessage& message);
[[nodiscard]] Task<Result<SyncMessage>> read_message(Stream* stream);

void write_uids(Stream& stream, const std::vector<std::uint32_t>& uids);
[[nodiscard]] Task<Result<std::vector<std::uint32_t>>> read_uids(Stream* stream,
                                                                 std::uint32_t count);

[[nodiscard]] Task<void> write_text(Stream* stream, SyncText text);
[[nodiscard]] Task<Result<SyncText>> read_text(Stream* stream);

void write_tree_change(Stream& stream, const TreeChange& change);
[[nodiscard]] Task<Result<TreeChange>> read_tree_change(Stream* stream);

void write_change(Stream& stream, const MailboxChange& change);
[[nodiscard]] Task<Result<MailboxChange>> read_change(Stream* stream);

}  // namespace relais::sync_wire
