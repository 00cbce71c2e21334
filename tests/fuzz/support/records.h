// A mutator for what consists of records (lib/queue/record.h): queue files, and messages on their
// way to cleanup.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relais::fuzz {

// Changes the `size` bytes at `data` (there is room for `max_size`) and gives their new number:
// records are put in, taken out and replaced, or libFuzzer does what it does to bytes.
[[nodiscard]] std::size_t mutate_records(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                         unsigned seed);

}  // namespace relais::fuzz
