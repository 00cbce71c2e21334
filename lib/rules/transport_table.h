// transport(5) tables: "transport:nexthop" for addresses, domains and their parents, and "*" for
// everything.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/maps/table_set.h"
#include "lib/rules/address_lookup.h"

namespace relais {

// What decides over the way of mail is never made of the text of an address.
inline constexpr TableFlags kTransportTables = table_flag::kMail | table_flag::kNoSubstitution;

// Where mail goes.  Both are what the last one with an opinion said.
struct Route {
    std::string transport;
    std::string nexthop;
};

// A table's value over what was there.  "transport:" resets the next hop to the domain, ":nexthop"
// keeps the transport, ":" keeps both.
void apply_route(std::string_view value, std::string_view domain, Route& route);

class TransportTable {
  public:
    // `title` is the parameter's name.
    TransportTable(const std::string& title, std::string_view list);
    // The search refers to the tables.
    TransportTable(const TransportTable&) = delete;
    TransportTable& operator=(const TransportTable&) = delete;

    // The value for `address` (internal form), or of "*".
    [[nodiscard]] Task<Lookup> lookup(std::string address) const;

    // Asks for "*" once at the start, so that the log tells of a table that cannot be used before
    // mail needs it.
    [[nodiscard]] Task<void> try_out() const;

    const std::string& title() const { return tables_.title(); }

  private:
    TableSet tables_;
    AddressLookup search_;
};

}  // namespace relais
