#include "lib/event/crc32.h"

#include <zlib.h>

namespace relais {

std::uint32_t crc32_of(std::string_view bytes) {
    const auto* data = reinterpret_cast<const Bytef*>(bytes.data());
    return static_cast<std::uint32_t>(::crc32_z(0, data, bytes.size()));
}

}  // namespace relais
