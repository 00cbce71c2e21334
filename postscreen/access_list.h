// postscreen_access_list: static verdicts about a client's address.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/task.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table.h"

namespace relais::postscreen {

enum class Access {
    kPermit,
    kReject,
    kDunno,  // nothing is said
    kError,  // a table cannot answer; it is logged
};

class AccessList {
  public:
    // Opens the tables.
    explicit AccessList(const std::string& list);

    // The first word that decides.  The list must outlive the task.
    [[nodiscard]] Task<Access> look_up(std::string address) const;

  private:
    enum class Kind { kPermit, kReject, kDunno, kOwnNetworks, kTable, kUnknown };

    struct Item {
        Kind kind;
        std::string text;
        std::shared_ptr<Table> table;
    };

    static Item parse_item(std::string_view word, bool in_table);
    [[nodiscard]] Task<Access> evaluate(const std::vector<Item>* items, std::string_view origin,
                                        std::string address) const;
    [[nodiscard]] Task<Access> ask_own_networks(std::string address) const;
    [[nodiscard]] Task<Access> ask_table(const Item* item, std::string address) const;

    std::vector<Item> items_;
    MatchList own_networks_;
};

}  // namespace relais::postscreen
