// The messages that a search program finds, for SEARCH, SORT and THREAD, and what the three have in
// common in their answers.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/imap/search_key.h"
#include "lib/imap/search_return.h"

#include "imapd/imap/session.h"

namespace relais {

struct Found {
    std::vector<std::uint32_t> uids{};          // ascending
    std::optional<std::uint32_t> stopped_at{};  // older messages were not looked at
};

// What the client knows and the key matches, among as many messages as may be looked at
// (message_limit.h).
[[nodiscard]] Task<Found> find_messages(Session& session, imap::SearchKey key, std::string tag);

// The same in a mailbox that need not be the session's; 0 sets no limit.
[[nodiscard]] Task<Found> find_in(Session& session, Selected& selected, imap::SearchKey key,
                                  std::string tag, std::size_t limit);

// UIDs as the command wants them told: as they are, or as sequence numbers.
[[nodiscard]] std::vector<std::uint32_t> told_numbers(Session& session, const Command& command,
                                                      const std::vector<std::uint32_t>& uids);

// "NO [BADCHARSET]" or BAD.  A search that was to be saved and is refused with NO leaves nothing in
// "$" (RFC 5182 2.1).
[[nodiscard]] Reply search_refusal(Session& session, const Command& command,
                                   const std::optional<imap::SearchReturn>& returns,
                                   const Error& error);

// "* SEARCH 1 2 3" or "* ESEARCH ...", whichever `returns` asks for, and "$" for SAVE.  Where the
// key is about modification sequences, the highest of the results goes along (RFC 7162 3.1.5).
enum class WithModseq { kNo, kYes };
void tell_results(Session& session, const Command& command,
                  std::optional<imap::SearchReturn> returns, const std::vector<std::uint32_t>& uids,
                  WithModseq with_modseq);

// A search whose results are to be told of from now on (UPDATE); nothing where that is not asked
// for.  It begins before the search itself, so that no change is missed.
[[nodiscard]] std::optional<SearchContext> begin_context(
    Session& session, const Command& command, const std::optional<imap::SearchReturn>& returns,
    const imap::SearchKey& key, std::vector<imap::SortCriterion> order = {});

// Keeps it, or tells that there are too many, or that these are not all results.
enum class Complete { kNo, kYes };
void keep_context(Session& session, std::optional<SearchContext> context,
                  std::vector<std::uint32_t> results, Complete complete);

// The number that goes along with these results.
[[nodiscard]] std::optional<std::uint64_t> highest_modseq(
    const Mailbox& box, const std::optional<imap::SearchReturn>& returns,
    const std::vector<std::uint32_t>& uids);

// Whether the answer has such a number; the error is the reply to a key that may not be used, or to
// the tag of a search that is kept up to date (RFC 5267 4.3).
[[nodiscard]] std::expected<WithModseq, Reply> prepare_search(
    Session& session, const Command& command, const std::optional<imap::SearchReturn>& returns,
    const imap::SearchKey& key);

}  // namespace relais
