// The messages that a search program finds, for SEARCH, SORT and THREAD, and what the three have in
// common in their answers.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/imap/search_key.h"
#include "lib/imap/search_return.h"

#include "imapd/imap/session.h"

namespace relais {

// The UIDs of what the client knows and the key matches, ascending.
[[nodiscard]] Task<std::vector<std::uint32_t>> find_messages(Session& session, imap::SearchKey key,
                                                             std::string tag);

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

// Whether the answer has such a number; the error is the reply to a key that may not be used.
[[nodiscard]] std::expected<WithModseq, Reply> prepare_search(Session& session,
                                                              const Command& command,
                                                              const imap::SearchKey& key);

}  // namespace relais
