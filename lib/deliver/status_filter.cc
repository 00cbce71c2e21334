#include "lib/deliver/status_filter.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/maps/table_set.h"

namespace relais {

static TableSet& process_filter() {
    static TableSet filter;
    return filter;
}

void use_status_filter(std::string_view parameter, const std::string& tables) {
    process_filter() = TableSet(std::string(parameter), tables);
}

Task<void> filter_status(DeliveryStatus* status) {
    const TableSet& filter = process_filter();
    if (filter.empty()) {
        co_return;
    }
    std::string key = format("{} {}", status->status, status->reason);
    Lookup found = co_await filter.lookup(std::move(key));
    if (!found.is_found()) {
        co_return;
    }
    const DsnText wanted = split_dsn(found.value(), DsnCode());
    const bool possible =
        DsnCode::parse_prefix(found.value()) && wanted.code.success() == status->code().success();
    if (!possible) {
        log_warning("{}: bad status code: {}", filter.title(), found.value());
        co_return;
    }
    status->status = wanted.code.to_string();
    if (!wanted.text.empty()) {
        status->reason = wanted.text;
    }
}

}  // namespace relais
