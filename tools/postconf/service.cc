// One line of master.cf for postconf.
#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"

#include "tools/postconf/model.h"
#include "tools/postconf/tables.h"

namespace relais::postconf {

namespace {

constexpr std::array<std::string_view, 5> kTypes = {"inet", "unix", "fifo", "pass", "unix-dgram"};

bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_valid(MasterField field, std::string_view value) {
    switch (field) {
        case MasterField::kType:
            return std::ranges::find(kTypes, value) != kTypes.end();
        case MasterField::kPrivate:
        case MasterField::kUnprivileged:
        case MasterField::kChroot:
            return value == "-" || value == "y" || value == "n";
        case MasterField::kWakeup:
            return value == "-" || all_digits(value.substr(0, value.size() - value.ends_with('?')));
        case MasterField::kProcessLimit:
            return value == "-" || all_digits(value);
        case MasterField::kName:
        case MasterField::kCommand:
            return true;
    }
    return true;
}

}  // namespace

void check_field(MasterField field, std::string_view value, std::string_view text) {
    if (!is_valid(field, value)) {
        log_fatal("invalid {} field \"{}\" in \"{}\"",
                  kMasterFieldNames.at(static_cast<std::size_t>(field)), value, text);
    }
}

Service parse_service(const LogicalLine& line) {
    auto split = split_master_line(line);
    if (!split) {
        log_fatal("bad field count: \"{}\"", line.text);
    }
    Service service;
    service.line = std::move(*split);
    for (std::size_t i = 0; i < service.line.fields.size(); ++i) {
        check_field(static_cast<MasterField>(i), service.line.fields.at(i), line.text);
    }
    for (auto& argument : service.line.arguments) {
        if (argument.starts_with('{')) {
            argument = without_braces(argument, "master.cf");
        }
    }
    service.line.arguments = normalize_options(std::move(service.line.arguments));
    return service;
}

}  // namespace relais::postconf
