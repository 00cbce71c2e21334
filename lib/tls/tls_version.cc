#include "lib/tls/tls_version.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>

namespace relais {

std::string tls_compile_version() {
    return OPENSSL_VERSION_TEXT;
}

std::string tls_run_version() {
    return OpenSSL_version(OPENSSL_VERSION);
}

std::vector<std::string> tls_public_key_algorithms() {
    return {"dsa", "ecdsa", "rsa"};
}

}  // namespace relais
