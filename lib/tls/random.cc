#include "lib/tls/random.h"

#include <openssl/rand.h>

#include "lib/base/log.h"

namespace relais {

void add_randomness(std::string_view bytes) {
    RAND_add(bytes.data(), static_cast<int>(bytes.size()), 0);
}

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    auto* out = reinterpret_cast<unsigned char*>(bytes.data());
    if (RAND_bytes(out, static_cast<int>(count)) != 1) {
        log_fatal("the TLS library has no random bytes");
    }
    return bytes;
}

}  // namespace relais
