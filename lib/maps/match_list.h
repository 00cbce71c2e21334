// Lists that a domain, a string or a client is matched against: mydestination, relay_domains,
// mynetworks, debug_peer_list and their kind.  Items: names, ".parent" names, networks,
// type:table, /file/name (read in-line), each negated by "!".  The first item that matches decides.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/task.h"
#include "lib/maps/inline_task.h"
#include "lib/maps/network.h"
#include "lib/maps/table.h"

namespace relais {

enum class Match {
    kNo,
    kYes,
    kError,  // a table or file could not answer; it is logged
};

// How sub-domains are named.
enum class ParentStyle {
    kDotted,  // ".example.com" matches what is below example.com
    kPlain,   // "example.com" matches itself and what is below it
};

// What parent_domain_matches_subdomains says about a parameter.
[[nodiscard]] ParentStyle parent_style(std::string_view parameter);

class MatchList {
  public:
    enum class Kind {
        kString,   // exact: mydestination
        kDomain,   // with sub-domains: relay_domains
        kNetwork,  // host names and addresses: mynetworks
    };

    MatchList() = default;
    // `title` is the parameter's name.  Opens the tables and reads the files.
    MatchList(std::string title, std::string_view list, Kind kind,
              ParentStyle style = ParentStyle::kDotted);

    bool empty() const { return items_.empty(); }

    // True where a table of the list lives in another process.  matches() then blocks.
    bool waits() const { return waits_; }

    // `name` is the string, domain or host name; `address` only counts in network lists.
    Match matches(std::string_view name, std::string_view address = {}) const {
        return run_inline(search(std::string(name), std::string(address), Waiting::kBlock));
    }

    // For daemons that serve many.  The list must outlive the task.
    [[nodiscard]] Task<Match> match(std::string name, std::string address = {}) const {
        return search(std::move(name), std::move(address), Waiting::kSuspend);
    }

  private:
    struct Item {
        bool negated = false;
        std::string text;              // folded
        std::shared_ptr<Table> table;  // type:table
        std::optional<Network> network;
        std::string trouble;      // why the pattern cannot be used
        bool unreadable = false;  // stands for a file that could not be read
    };

    void parse(std::string_view list, bool negated, int depth);
    void read_file_item(const std::string& path, bool negated, int depth);
    void add(std::string text, bool negated);
    [[nodiscard]] Task<Match> search_table(const Item& item, std::vector<std::string> keys,
                                           Waiting waiting) const;
    [[nodiscard]] Task<Match> search(std::string name, std::string address, Waiting waiting) const;
    Match match_text(const Item& item, std::string_view name, std::string_view address) const;
    bool match_name(const Item& item, std::string_view name) const;
    // The keys under which the item's table is asked.
    std::vector<std::string> keys_of(const Item& item, std::string_view name,
                                     std::string_view address) const;

    std::string title_;
    Kind kind_ = Kind::kString;
    ParentStyle style_ = ParentStyle::kDotted;
    std::vector<Item> items_;
    bool waits_ = false;
};

}  // namespace relais
