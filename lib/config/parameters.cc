// The rows, their lookup, and the accessors of Config: all made from conf/parameters.tsv.
#include "lib/config/parameters.h"

#include <array>
#include <cstdint>

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/config/readers.h"

namespace relais {

namespace {

struct Row {
    std::uint32_t name_at;
    std::uint32_t default_at;
    std::uint16_t name_size;
    std::uint16_t default_size;
    ParameterType type;
    char unit;
    bool nonempty;
    bool implemented;
    std::int32_t min;
    std::int32_t max;
    std::uint8_t readers;
};

}  // namespace

}  // namespace relais

#include "generated/parameters.inc"

namespace relais {

namespace {

std::string_view name_of(const Row& row) {
    return {&kNames[row.name_at], row.name_size};
}

}  // namespace

std::size_t parameter_count() {
    return kRows.size();
}

ParameterInfo parameter_at(std::size_t index) {
    const Row& row = kRows.at(index);
    return {.name = name_of(row),
            .default_text = {&kDefaults[row.default_at], row.default_size},
            .type = row.type,
            .unit = row.unit,
            .nonempty = row.nonempty,
            .implemented = row.implemented,
            .min = row.min,
            .max = row.max};
}

bool refuses_bad_value(std::string_view program, std::size_t parameter) {
    auto readers = kReaders.at(kRows.at(parameter).readers);
    return readers == ",all," || readers.contains(format(",{},", program));
}

std::optional<std::size_t> find_parameter(std::string_view name) {
    std::size_t low = 0;
    std::size_t high = kRows.size();
    while (low < high) {
        std::size_t middle = low + (high - low) / 2;
        int order = name_of(kRows.at(middle)).compare(name);
        if (order == 0) {
            return middle;
        }
        (order < 0 ? low : high) = order < 0 ? middle + 1 : middle;
    }
    return {};
}

}  // namespace relais
