#include "lib/rules/transport_table.h"

#include "lib/base/strings.h"

namespace relais {

namespace {

unsigned forms_for(std::string_view title) {
    unsigned parents = parent_style(title) == ParentStyle::kPlain ? find_form::kPlainParents
                                                                  : find_form::kDottedParents;
    return find_form::kFull | find_form::kNoExtension | find_form::kDomain | parents;
}

}  // namespace

void apply_route(std::string_view value, std::string_view domain, Route& route) {
    auto parts = split_first(value, ':');
    std::string_view transport = parts ? parts->first : value;
    std::string_view nexthop = parts ? parts->second : std::string_view();
    if (!transport.empty()) {
        bool says_why = transport == "error" || transport == "retry";
        route.transport = transport;
        route.nexthop = says_why ? "Address is undeliverable" : domain;
    }
    if (!nexthop.empty()) {
        route.nexthop = nexthop;
    }
}

TransportTable::TransportTable(const std::string& title, std::string_view list)
    : tables_(title, list, kTransportTables),
      search_(&tables_, nullptr, forms_for("transport_maps")) {
}

Task<Lookup> TransportTable::lookup(std::string address) const {
    AddressMatch match = co_await search_.lookup(std::move(address));
    if (!match.lookup.is_missing() || tables_.empty()) {
        co_return match.lookup;
    }
    Lookup wildcard = co_await tables_.lookup("*");
    co_return wildcard;
}

Task<void> TransportTable::try_out() const {
    if (!tables_.empty()) {
        Lookup answer = co_await tables_.lookup("*");
        static_cast<void>(answer);  // the set has logged what is wrong
    }
}

}  // namespace relais
