// Searches of the selected mailbox whose results the client keeps, and is told how they change
// (UPDATE of RFC 5267 4.3).
//
// Messages are looked at again when they have changed: with keys about the time that has passed
// (YOUNGER, OLDER) no earlier.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/loop.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/search_key.h"
#include "lib/imap/search_return.h"
#include "lib/imap/sort_program.h"

namespace relais {

class Selected;
class Session;

struct SearchContext {
    std::string tag;
    imap::ResultNumbers numbers = imap::ResultNumbers::kSequence;
    imap::SearchKey key;
    std::vector<imap::SortCriterion> order;  // empty: that of the mailbox
    imap::FetchItems fetch;                  // of new messages among the results
    std::uint64_t looked = 0;                // at all changes up to this one
    std::vector<std::uint32_t> results{};    // UIDs, in that order
};

class SearchContexts {
  public:
    bool empty() const { return contexts_.empty(); }

    bool has(std::string_view tag) const;

    // False where there are as many already as there may be.
    [[nodiscard]] bool add(SearchContext context);

    // False where there is none with that tag.
    [[nodiscard]] bool cancel(std::string_view tag);

    void clear() { contexts_.clear(); }

    // Before the client hears of EXPUNGEs: what is no result any longer since it is gone.
    void drop_gone(Session& session);

    // After it has heard of new messages and flags: what is a result now, and what no longer.
    [[nodiscard]] Task<void> update(Session& session);

    // What is to be fetched of a new message.
    [[nodiscard]] imap::FetchItems items_for(std::uint32_t uid) const;

  private:
    std::vector<SearchContext> contexts_;
};

// The key with what it says of numbers and "$" as it is now: both are of the moment of the command
// (RFC 5267 4.3).
[[nodiscard]] imap::SearchKey with_numbers_resolved(const Selected& selected, imap::SearchKey key);

}  // namespace relais
