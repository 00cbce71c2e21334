#include "lib/rules/address_resolver.h"

#include <optional>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/rules/recipient_address.h"

namespace relais {

namespace {

using Kind = MatchList::Kind;

constexpr std::string_view kVerifyPrefix = "address_verify_";

}  // namespace

ResolverLists::ResolverLists()
    : rewriter(AddressRewriter::local()),
      virtual_alias_domains("virtual_alias_domains", conf().virtual_alias_domains(), Kind::kString),
      virtual_mailbox_domains("virtual_mailbox_domains", conf().virtual_mailbox_domains(),
                              Kind::kString),
      relay_domains("relay_domains", conf().relay_domains(), Kind::kDomain,
                    parent_style("relay_domains")),
      relocated("relocated_maps", conf().relocated_maps()) {
}

// What is being decided about one address.
struct AddressResolver::Choice {
    RecipientAddress recipient;
    std::string domain;
    Route route;
    std::string blame;  // the parameter that named the transport
    int address_class = 0;
};

AddressResolver::AddressResolver(const ResolverLists* lists, ResolveFor purpose, Remarks remarks)
    : lists_(lists),
      remarks_(remarks),
      prefix_(purpose == ResolveFor::kVerification ? kVerifyPrefix : ""),
      local_transport_(setting("local_transport")),
      virtual_transport_(setting("virtual_transport")),
      relay_transport_(setting("relay_transport")),
      default_transport_(setting("default_transport")),
      relayhost_(setting("relayhost").value),
      sender_relayhosts_(prefix_ + "sender_dependent_relayhost_maps",
                         setting("sender_dependent_relayhost_maps").value, kTransportTables),
      sender_transports_(prefix_ + "sender_dependent_default_transport_maps",
                         setting("sender_dependent_default_transport_maps").value,
                         kTransportTables),
      transports_(prefix_ + "transport_maps", setting("transport_maps").value) {
}

AddressResolver::Setting AddressResolver::setting(std::string_view name) const {
    std::string full = prefix_ + std::string(name);
    return {full, conf().text_value(full)};
}

void AddressResolver::remark(const std::string& text) const {
    if (remarks_ == Remarks::kLogged) {
        log_warning("{}", text);
    }
}

Task<Resolved> AddressResolver::resolve(std::string sender, std::string address) const {
    Choice choice;
    choice.recipient =
        co_await find_recipient(&lists_->local, &lists_->rewriter, std::move(address));
    Resolved out;
    // What a client sees where an answer was not reached.
    choice.route = {"CHANNEL NOT UPDATED", "NEXTHOP NOT UPDATED"};
    out.recipient = "NEXTRCPT NOT UPDATED";
    out.flags = choice.recipient.routed ? kResolveRouted : 0;
    bool answered = !choice.recipient.failed;
    if (answered) {
        out.recipient = choice.recipient.address;
    }
    if (answered && choice.recipient.malformed) {
        out.flags |= kResolveError | kResolveDefault;
    } else if (answered) {
        choice.domain = choice.recipient.domain();
        answered = co_await choose(std::move(sender), &choice);
        answered = answered && complete(choice);
        answered = answered && co_await ask_tables(&choice);
        out.flags |= choice.address_class;
        // Commands that take addresses as arguments would take these for options.
        bool option_like = out.recipient.starts_with('-') && !conf().allow_min_user();
        out.flags |= answered && option_like ? kResolveError : 0;
    }
    out.flags |= answered ? 0 : kResolveFail;
    out.transport = std::move(choice.route.transport);
    out.nexthop = std::move(choice.route.nexthop);
    co_return out;
}

// The address class, and what it says about the transport.  False: a table failed.
Task<bool> AddressResolver::choose(std::string sender, Choice* choice) const {
    if (choice->recipient.is_local) {
        choice->address_class = kResolveLocal;
        choice->route = {local_transport_.value, choice->domain};
        choice->blame = local_transport_.name;
        co_return co_await check_overlaps(choice->domain, kResolveLocal);
    }
    Match match = co_await lists_->virtual_alias_domains.match(choice->domain);
    if (match == Match::kYes) {
        choice->address_class = kResolveVirtualAlias;
        bool tell = conf().show_user_unknown_table_name();
        choice->route = {"error",
                         format("5.1.1 User unknown{}", tell ? " in virtual alias table" : "")};
        co_return co_await check_overlaps(choice->domain, kResolveVirtualAlias);
    }
    if (match == Match::kError) {
        remark("virtual_alias_domains lookup failure");
        co_return false;
    }
    match = co_await lists_->virtual_mailbox_domains.match(choice->domain);
    if (match == Match::kYes) {
        choice->address_class = kResolveVirtualMailbox;
        choice->route = {virtual_transport_.value, choice->domain};
        choice->blame = virtual_transport_.name;
        co_return co_await check_overlaps(choice->domain, kResolveVirtualMailbox);
    }
    if (match == Match::kError) {
        remark("virtual_mailbox_domains lookup failure");
        co_return false;
    }
    co_return co_await choose_remote(std::move(sender), choice);
}

Task<bool> AddressResolver::choose_remote(std::string sender, Choice* choice) const {
    Match relay = co_await lists_->relay_domains.match(choice->domain);
    if (relay == Match::kError) {
        remark("relay_domains lookup failure");
        co_return false;
    }
    if (relay == Match::kYes) {
        choice->address_class = kResolveRelay;
        choice->route.transport = relay_transport_.value;
        choice->blame = relay_transport_.name;
    } else {
        std::string key =
            sender.empty() ? conf().empty_address_default_transport_maps_lookup_key() : sender;
        auto transport =
            co_await by_sender(&sender_transports_, std::move(key), default_transport_.value);
        if (!transport) {
            co_return false;
        }
        choice->address_class = kResolveDefault;
        choice->route.transport = std::move(*transport);
        choice->blame = default_transport_.name;
    }
    std::string otherwise = relayhost_.empty() ? choice->domain : relayhost_;
    std::string key = sender.empty() ? conf().empty_address_relayhost_maps_lookup_key() : sender;
    auto nexthop = co_await by_sender(&sender_relayhosts_, std::move(key), std::move(otherwise));
    if (!nexthop) {
        co_return false;
    }
    choice->route.nexthop = std::move(*nexthop);
    co_return true;
}

Task<std::optional<std::string>> AddressResolver::by_sender(const TableSet* tables,
                                                            std::string sender,
                                                            std::string otherwise) const {
    if (tables->empty()) {
        co_return std::move(otherwise);
    }
    AddressLookup search(tables, &lists_->local);
    AddressMatch match = co_await search.lookup(std::move(sender));
    if (match.lookup.is_error()) {
        remark(tables->title() + " lookup failure");
        co_return std::nullopt;
    }
    if (match.lookup.is_missing()) {
        co_return std::move(otherwise);
    }
    std::string value = std::move(match.lookup).value();
    if (iequals(value, "DUNNO")) {
        co_return std::move(otherwise);
    }
    co_return std::move(value);
}

Task<bool> AddressResolver::check_overlaps(std::string domain, int found_in) const {
    if (!conf().helpful_warnings()) {
        co_return true;
    }

    struct Other {
        const MatchList* list;
        int address_class;
        const char* name;
    };

    const Other others[] = {
        {&lists_->virtual_alias_domains, kResolveVirtualAlias, "virtual_alias_domains"},
        {&lists_->virtual_mailbox_domains, kResolveVirtualMailbox, "virtual_mailbox_domains"},
        {&lists_->relay_domains, kResolveRelay, "relay_domains"},
    };
    bool fine = true;
    const char* first = "mydestination";
    for (const Other& other : others) {
        if (other.address_class == found_in) {
            first = other.name;
        }
    }
    for (const Other& other : others) {
        // relay_domains often repeats mydestination.
        bool is_fine = found_in == kResolveLocal && other.address_class == kResolveRelay;
        if (other.address_class <= found_in || is_fine) {
            continue;
        }
        Match match = co_await other.list->match(domain);
        if (match == Match::kYes) {
            remark(format("do not list domain {} in BOTH {} and {}", domain, first, other.name));
            fine = remarks_ == Remarks::kLogged;
        }
    }
    co_return fine;
}

// "transport:nexthop" in main.cf names both.
bool AddressResolver::complete(Choice& choice) const {
    if (choice.address_class == kResolveVirtualAlias) {
        return true;
    }
    auto parts = split_first(choice.route.transport, ':');
    if (parts) {
        if (!parts->second.empty()) {
            choice.route.nexthop = parts->second;
        }
        choice.route.transport = std::string(parts->first);
    }
    if (choice.route.transport.empty()) {
        remark(format("file {}/main.cf: parameter {}: null transport is not allowed",
                      conf().config_directory(), choice.blame));
        return false;
    }
    return true;
}

Task<bool> AddressResolver::ask_tables(Choice* choice) const {
    if (choice->address_class != kResolveVirtualAlias) {
        Lookup found = co_await transports_.lookup(choice->recipient.address);
        if (found.is_error()) {
            remark(transports_.title() + " lookup failure");
            co_return false;
        }
        if (found.is_found()) {
            apply_route(found.value(), choice->domain, choice->route);
        }
    }
    AddressLookup search(&lists_->relocated, &lists_->local);
    AddressMatch moved = co_await search.lookup(choice->recipient.address);
    if (moved.lookup.is_error()) {
        remark("relocated_maps lookup failure");
        co_return false;
    }
    if (moved.lookup.is_found()) {
        const bool prefixed = conf().relocated_prefix_enable();
        choice->route = {"error",
                         (prefixed ? "5.1.6 User has moved to " : "") + moved.lookup.value()};
    }
    co_return true;
}

}  // namespace relais
