#include "lib/rules/dns_reply_filter.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

static Task<RecordFate> judge_record(const TableSet* tables, std::string record) {
    const auto found = co_await tables->lookup(record);
    if (found.is_missing()) {
        co_return RecordFate::kKeep;
    }
    if (found.is_found()) {
        const auto value = trim(found.value());
        const auto action = value.substr(0, value.find_first_of(" \t"));
        if (iequals(action, "IGNORE")) {
            log_info("ignoring DNS RR: {}", record);
            co_return RecordFate::kDrop;
        }
        log_warning("{}: unknown DNS filter action: \"{}\"", tables->title(), value);
    }
    co_return RecordFate::kUnknown;
}

ReplyFilter dns_reply_filter(const TableSet* tables) {
    return [tables](std::string record) { return judge_record(tables, std::move(record)); };
}

}  // namespace relais
