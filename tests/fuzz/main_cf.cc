// Fuzz target: main.cf, its entries and what their values mean.
#include "lib/config/main_cf.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/log.h"
#include "lib/config/config.h"

using namespace relais;

namespace {

void check_entry(const MainCfEntry& entry) {
    if (entry.name.empty() || entry.name.contains('=') || entry.line < 1 ||
        entry.value.contains('\n')) {
        std::abort();
    }
}

// What was understood, written again, is understood the same.
void check_round_trip(const std::vector<MainCfEntry>& entries) {
    std::string written;
    for (const auto& entry : entries) {
        check_entry(entry);
        written += entry.name + " = " + entry.value + "\n";
    }
    const auto again = parse_main_cf(written, "again");
    if (!again || again->size() != entries.size()) {
        std::abort();
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (again->at(i).name != entries[i].name || again->at(i).value != entries[i].value) {
            std::abort();
        }
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
    const auto entries = parse_main_cf(text, "main.cf");
    if (!entries) {
        return 0;
    }
    check_round_trip(*entries);
    (void)Config::from_text(text).check();
    return 0;
}
