// Who refers to whom: the Message-IDs of messages, as numbers, and those that they name.  Kept with
// the mailbox, like the columns of SORT.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/event/loop.h"
#include "lib/imap/thread.h"

namespace relais {

struct OpenMailbox;
class Progress;

class ThreadIds {
  public:
    // Reads what is not known yet of these messages, ascending UIDs.
    [[nodiscard]] Task<void> prepare(OpenMailbox& mailbox, const std::vector<std::uint32_t>& uids,
                                     Progress& progress);

    // Fills in id and references of the message with this UID, after prepare().  The references are
    // valid until the next prepare().
    void fill(std::uint32_t uid, imap::ThreadMessage& message) const;

    std::uint32_t count() const { return static_cast<std::uint32_t>(numbers_.size()); }

  private:
    struct Cell {
        std::uint32_t uid = 0;
        std::uint32_t id = imap::ThreadMessage::kNoId;
        std::uint32_t references_at = 0;
        std::uint32_t references = 0;
    };

    Cell read(OpenMailbox& mailbox, std::uint32_t uid);
    std::vector<std::uint32_t> missing(const std::vector<std::uint32_t>& uids) const;
    std::uint32_t number_of(std::string id);
    void forget();

    std::uint32_t uid_validity_ = 0;
    std::unordered_map<std::string, std::uint32_t> numbers_;
    std::vector<std::uint32_t> references_;
    std::vector<Cell> cells_;       // by UID
    std::size_t bytes_ = 0;         // of the ids
    std::uint64_t generation_ = 0;  // grows when everything is forgotten
};

}  // namespace relais
