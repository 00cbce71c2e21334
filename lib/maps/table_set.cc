#include "lib/maps/table_set.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"
#include "lib/maps/shared_tables.h"

namespace relais {

namespace {

constexpr std::size_t kKeyInLog = 100;

}  // namespace

TableSet::TableSet(std::string title, std::string_view list, TableFlags flags)
    : title_(std::move(title)) {
    for (const std::string& reference : split_list(list)) {
        tables_.push_back(shared_table(reference, flags));
        waits_ = waits_ || tables_.back()->waits();
    }
}

bool TableSet::is_asked(const Table& table, KeyKind kind) {
    return kind == KeyKind::kWhole || table.is_fixed();
}

bool TableSet::is_last_word(const Table& table, std::string_view key, Lookup& answer) const {
    if (answer.is_missing()) {
        return false;
    }
    if (answer.is_found() && answer.value().empty()) {
        log_warning("{} lookup of {} returns an empty string result", title_,
                    printable(key.substr(0, kKeyInLog)));
        log_warning("{} should return NO RESULT in case of NOT FOUND", title_);
        answer = Lookup::config_error("empty string result");
    } else if (answer.is_error()) {
        log_warning("{} lookup error for \"{}\"", table.reference(),
                    printable(key.substr(0, kKeyInLog)));
    }
    return true;
}

Lookup TableSet::find(std::string_view key, KeyKind kind) const {
    if (key.empty()) {
        return Lookup::not_found();
    }
    for (const auto& table : tables_) {
        if (!is_asked(*table, kind)) {
            continue;
        }
        Lookup answer = table->find(key);
        if (is_last_word(*table, key, answer)) {
            return answer;
        }
    }
    return Lookup::not_found();
}

Task<Lookup> TableSet::lookup(std::string key, KeyKind kind) const {
    if (!waits_) {
        co_return find(key, kind);
    }
    if (key.empty()) {
        co_return Lookup::not_found();
    }
    for (const auto& table : tables_) {
        if (!is_asked(*table, kind)) {
            continue;
        }
        Lookup answer = co_await table->lookup(key);
        if (is_last_word(*table, key, answer)) {
            co_return answer;
        }
    }
    co_return Lookup::not_found();
}

}  // namespace relais
