// Fuzz target: master.cf, its lines and the services that they mean.
#include "lib/config/master_cf.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

using namespace relais;

namespace {

bool fits_braces(const std::string& argument) {
    auto group = "{" + argument + "}";
    return group_length(group) == group.size() && trim(argument) == argument;
}

// What was understood, written again, is understood the same.
void check_round_trip(const MasterLine& line) {
    if (!std::ranges::all_of(line.arguments, fits_braces)) {
        return;
    }
    std::string written;
    for (const auto& field : line.fields) {
        written += field + " ";
    }
    for (const auto& argument : line.arguments) {
        written += "{ " + argument + " } ";
    }
    const auto again = parse_master_lines(written, "again");
    if (!again || again->size() != 1 || again->front().fields != line.fields ||
        again->front().arguments != line.arguments) {
        std::abort();
    }
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    LogOptions options;
    options.tag = "fuzz";
    options.to_syslog = false;
    log_open(std::move(options));
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto services = parse_master_cf(text, MasterDefaults{}, "master.cf");
    if (services) {
        for (const auto& service : *services) {
            if (service.name.empty() || service.command.empty() || service.process_limit < 0) {
                std::abort();
            }
        }
    }
    const auto lines = parse_master_lines(text, "master.cf");
    if (!lines) {
        return 0;
    }
    for (const auto& line : *lines) {
        check_round_trip(line);
        (void)parameter_settings(line.arguments);
        (void)normalize_options(line.arguments);
    }
    return 0;
}
