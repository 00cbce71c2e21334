// The checksum CRC-32 of IEEE 802.3, as gzip has it.
#pragma once

#include <cstdint>
#include <string_view>

namespace relais {

[[nodiscard]] std::uint32_t crc32_of(std::string_view bytes);

}  // namespace relais
