#include "lib/maps/match_list.h"

#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/mail/casefold.h"
#include "lib/maps/shared_tables.h"

namespace relais {

namespace {

constexpr int kMaxFileDepth = 10;
constexpr std::size_t kLargestFile = std::size_t{64} << 20;

bool is_table(std::string_view item) {
    return !item.starts_with('[') && item.contains(':');
}

// An address pattern that plain comparison does not settle.
bool looks_like_network(std::string_view item) {
    return item.find_first_of(":/") != std::string_view::npos;
}

}  // namespace

ParentStyle parent_style(std::string_view parameter) {
    auto names = split_list(conf().parent_domain_matches_subdomains());
    return std::ranges::find(names, parameter) != names.end() ? ParentStyle::kPlain
                                                              : ParentStyle::kDotted;
}

MatchList::MatchList(std::string title, std::string_view list, Kind kind, ParentStyle style)
    : title_(std::move(title)), kind_(kind), style_(style) {
    parse(list, false, 0);
}

void MatchList::parse(std::string_view list, bool negated, int depth) {
    for (const std::string& token : split_list(list)) {
        std::string_view item = token;
        bool negates = negated;
        if (item.starts_with('#')) {
            std::size_t at = list.find(item);
            log_warning("{}: comment at end of line is not supported: {}", title_,
                        trim(list.substr(at)));
            return;
        }
        while (item.starts_with('!')) {
            negates = !negates;
            item.remove_prefix(1);
        }
        if (item.empty()) {
            log_fatal("{}: no pattern after '!'", title_);
        }
        if (item.starts_with('/')) {
            read_file_item(std::string(item), negates, depth);
        } else {
            add(std::string(item), negates);
        }
    }
}

void MatchList::read_file_item(const std::string& path, bool negated, int depth) {
    auto content = depth < kMaxFileDepth
                       ? read_file(path, kLargestFile)
                       : Result<std::string>(fail(Errc::kSyntax, path + ": files nest too deeply"));
    if (!content) {
        log_warning("{}: {}", title_, content.error().message);
        Item item;
        item.negated = negated;
        item.text = path;
        item.unreadable = true;
        items_.push_back(std::move(item));
        return;
    }
    for (std::string_view line : split_fields(*content, '\n')) {
        if (!trim_left(line).starts_with('#')) {
            parse(line, negated, depth + 1);
        }
    }
}

void MatchList::add(std::string text, bool negated) {
    Item item;
    item.negated = negated;
    if (is_table(text)) {
        item.table = shared_table(text, table_flag::kMail);
        item.text = std::move(text);
        waits_ = waits_ || item.table->waits();
    } else {
        item.text = fold_case(text);
        if (kind_ == Kind::kNetwork && looks_like_network(text)) {
            auto network = Network::parse(text);
            if (network) {
                item.network = *network;
            } else {
                item.trouble = network.error().message;
            }
        } else if (kind_ == Kind::kNetwork && address_bytes(text)) {
            item.network = *Network::parse(text);
        }
    }
    items_.push_back(std::move(item));
}

bool MatchList::match_name(const Item& item, std::string_view name) const {
    if (name == item.text) {
        return true;
    }
    if (kind_ == Kind::kString || name.size() <= item.text.size() || !name.ends_with(item.text)) {
        return false;
    }
    if (style_ == ParentStyle::kPlain) {
        return name[name.size() - item.text.size() - 1] == '.';
    }
    return item.text.starts_with('.');
}

Match MatchList::match_text(const Item& item, std::string_view name,
                            std::string_view address) const {
    if (item.unreadable) {
        log_warning("{}: {}: table lookup problem", title_, item.text);
        return Match::kError;
    }
    if (match_name(item, name)) {
        return Match::kYes;
    }
    if (kind_ != Kind::kNetwork || address.empty()) {
        return Match::kNo;
    }
    if (item.network) {
        auto bytes = address_bytes(address);
        return bytes && item.network->contains(*bytes) ? Match::kYes : Match::kNo;
    }
    // As in Postfix, a pattern of the other address family is not even looked at.
    if (!item.trouble.empty() && address.contains(':') == item.text.contains(':')) {
        log_warning("{}: {}", title_, item.trouble);
        return Match::kError;
    }
    return Match::kNo;
}

std::vector<std::string> MatchList::keys_of(const Item& item, std::string_view name,
                                            std::string_view address) const {
    std::vector<std::string> keys;
    if (!name.empty()) {
        keys.emplace_back(name);
    }
    if (kind_ != Kind::kString && item.table->is_fixed()) {
        for (std::size_t dot = name.find('.', 1); dot < name.size();
             dot = name.find('.', dot + 1)) {
            std::size_t from = style_ == ParentStyle::kPlain ? dot + 1 : dot;
            if (from < name.size()) {
                keys.emplace_back(name.substr(from));
            }
        }
    }
    if (kind_ == Kind::kNetwork && !address.empty()) {
        keys.emplace_back(address);
    }
    return keys;
}

Task<Match> MatchList::search_table(const Item& item, std::vector<std::string> keys,
                                    Waiting waiting) const {
    for (const std::string& key : keys) {
        Lookup answer = Lookup::not_found();
        if (waiting == Waiting::kSuspend && item.table->waits()) {
            answer = co_await item.table->lookup(key);
        } else {
            answer = item.table->find(key);
        }
        if (answer.is_error()) {
            log_warning("{}: {}: table lookup problem", title_, item.text);
            co_return Match::kError;
        }
        if (answer.is_found()) {
            co_return Match::kYes;
        }
    }
    co_return Match::kNo;
}

Task<Match> MatchList::search(std::string name, std::string address, Waiting waiting) const {
    std::string folded = fold_case(name);
    for (const Item& item : items_) {
        Match result = Match::kNo;
        if (item.table) {
            std::vector<std::string> keys = keys_of(item, folded, address);
            result = co_await search_table(item, std::move(keys), waiting);
        } else {
            result = match_text(item, folded, address);
        }
        if (result == Match::kYes && item.negated) {
            co_return Match::kNo;
        }
        if (result != Match::kNo) {
            co_return result;
        }
    }
    co_return Match::kNo;
}

}  // namespace relais
