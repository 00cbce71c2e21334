// A mutator for conversations of lines, for libFuzzer: beside what libFuzzer does to bytes, whole
// commands are put in, taken out, doubled and exchanged, so that an input stays a conversation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace relais::fuzz {

// Changes the `size` bytes at `data` (there is room for `max_size`) and gives their new number.
// `samples` are commands, with their line ends.
[[nodiscard]] std::size_t mutate_lines(std::span<const std::string_view> samples,
                                       std::uint8_t* data, std::size_t size, std::size_t max_size,
                                       unsigned seed);

}  // namespace relais::fuzz
