// The random generator of the TLS library, which mixes what it is given into what the kernel gives.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace relais {

// `bytes` count for nothing that the generator would do without, and do no harm if they are bad.
void add_randomness(std::string_view bytes);

// Bytes that nobody can guess.
[[nodiscard]] std::string random_bytes(std::size_t count);

}  // namespace relais
