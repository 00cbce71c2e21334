#include "postscreen/access_list.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/maps/shared_tables.h"

namespace relais::postscreen {

namespace {

constexpr std::string_view kParameter = "postscreen_access_list";
constexpr std::string_view kSeparators = ", \t\r\n";

}  // namespace

AccessList::AccessList(const std::string& list)
    : own_networks_("mynetworks", conf().mynetworks(), MatchList::Kind::kNetwork,
                    parent_style("mynetworks")) {
    for (const auto word : split_words(list, kSeparators)) {
        items_.push_back(parse_item(word, false));
    }
}

AccessList::Item AccessList::parse_item(std::string_view word, bool in_table) {
    constexpr std::pair<std::string_view, Kind> kWords[] = {
        {"permit", Kind::kPermit},
        {"reject", Kind::kReject},
        {"dunno", Kind::kDunno},
        {"permit_mynetworks", Kind::kOwnNetworks},
    };
    for (const auto& [name, kind] : kWords) {
        if (iequals(word, name)) {
            return {kind, {}, nullptr};
        }
    }
    // What a table says names no further table.
    if (!in_table && word.contains(':')) {
        return {Kind::kTable, std::string(word),
                shared_table(word, table_flag::kLock | table_flag::kFoldFixed)};
    }
    return {Kind::kUnknown, std::string(word), nullptr};
}

Task<Access> AccessList::look_up(std::string address) const {
    return evaluate(&items_, kParameter, std::move(address));
}

Task<Access> AccessList::ask_own_networks(std::string address) const {
    const auto match = co_await own_networks_.match(address, address);
    if (match == Match::kError) {
        log_warning(
            "{}: mynetworks: mynetworks lookup error -- ignoring the remainder of this access list",
            kParameter);
        co_return Access::kError;
    }
    co_return match == Match::kYes ? Access::kPermit : Access::kDunno;
}

Task<Access> AccessList::evaluate(const std::vector<Item>* items, std::string_view origin,
                                  std::string address) const {
    for (const auto& item : *items) {
        Access verdict = Access::kDunno;
        switch (item.kind) {
            case Kind::kPermit:
                co_return Access::kPermit;
            case Kind::kReject:
                co_return Access::kReject;
            case Kind::kDunno:
                co_return Access::kDunno;
            case Kind::kOwnNetworks:
                verdict = co_await ask_own_networks(address);
                break;
            case Kind::kTable:
                verdict = co_await ask_table(&item, address);
                break;
            case Kind::kUnknown:
                log_warning("{}: unknown command: {} -- ignoring the remainder of this access list",
                            origin, printable(item.text));
                co_return Access::kError;
        }
        if (verdict != Access::kDunno) {
            co_return verdict;
        }
    }
    co_return Access::kDunno;
}

// A result is a list itself.  "dunno" there ends that list only.
Task<Access> AccessList::ask_table(const Item* item, std::string address) const {
    const auto found = co_await item->table->lookup(address);
    if (found.is_error()) {
        log_warning("{}: {}: table lookup error -- ignoring the remainder of this access list",
                    kParameter, item->text);
        co_return Access::kError;
    }
    std::vector<Item> items;
    if (found.is_found()) {
        for (const auto word : split_words(found.value(), kSeparators)) {
            items.push_back(parse_item(word, true));
        }
    }
    const auto verdict = co_await evaluate(&items, item->text, std::move(address));
    co_return verdict;
}

}  // namespace relais::postscreen
