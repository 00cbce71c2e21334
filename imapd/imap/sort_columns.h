// What SORT and THREAD compare messages by, found out once for each key and kept as long as the
// mailbox is: for all sessions of the user.  The values come from the cached facts; what is
// compared later are ranks, which are numbers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/event/loop.h"
#include "lib/imap/sort_program.h"

namespace relais {

struct OpenMailbox;
struct MailMessage;
class Progress;

class SortColumn {
  public:
    struct Cell {
        std::uint32_t uid = 0;
        std::uint32_t rank = 0;    // equal values have the same; 0 is the least possible value
        std::uint64_t begin = 0;   // a number, or the first eight bytes of a text
        std::uint32_t offset = 0;  // of the text
        std::uint16_t size = 0;
        bool is_reply = false;

        // The value of a date: seconds.
        std::int64_t number() const;
    };

    explicit SortColumn(imap::SortKey key) : key_(key) {}

    // Values for these messages, ascending UIDs; those that are gone have none of their own.
    [[nodiscard]] Task<void> prepare(OpenMailbox& mailbox, const std::vector<std::uint32_t>& uids,
                                     Progress& progress);

    // The cells of these UIDs, in their order, after prepare().
    [[nodiscard]] std::vector<Cell> cells_of(std::span<const std::uint32_t> uids) const;

    std::size_t bytes() const { return texts_.size() + cells_.size() * sizeof(Cell); }

  private:
    Cell make_cell(OpenMailbox& mailbox, const MailMessage& message);
    void set_text(Cell& cell, std::string_view text);
    std::string_view text_of(const Cell& cell) const;
    bool less(const Cell& a, const Cell& b) const;
    void drop_gone(const std::vector<std::uint32_t>& live);
    void set_ranks();

    imap::SortKey key_;
    std::vector<Cell> cells_;  // by UID
    std::string texts_;
};

class SortColumns {
  public:
    // The column for a key; those of another UIDVALIDITY are thrown away.  Who uses one holds it:
    // another session may let go of it meanwhile.
    std::shared_ptr<SortColumn> column(std::uint32_t uid_validity, imap::SortKey key);

    // Lets go of everything when it has become too much to be kept.
    void limit();

  private:
    std::uint32_t uid_validity_ = 0;
    std::map<imap::SortKey, std::shared_ptr<SortColumn>> columns_;
};

}  // namespace relais
