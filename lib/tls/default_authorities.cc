#include "lib/tls/default_authorities.h"

#include <cstdlib>

#include <openssl/x509.h>

namespace relais {

static std::string said_or(const char* variable, const char* built_in) {
    const char* value = ::secure_getenv(variable);
    return value != nullptr ? value : built_in;
}

std::vector<std::string> default_authorities() {
    return {said_or(::X509_get_default_cert_dir_env(), ::X509_get_default_cert_dir()),
            said_or(::X509_get_default_cert_file_env(), ::X509_get_default_cert_file())};
}

}  // namespace relais
