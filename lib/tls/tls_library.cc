#include "lib/tls/tls_library.h"

#include <memory>
#include <string>

#include <openssl/conf.h>
#include <openssl/crypto.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/tls/openssl_handles.h"

namespace relais {

namespace {

using Settings = std::unique_ptr<OPENSSL_INIT_SETTINGS, OpensslFree<OPENSSL_INIT_free>>;

bool load(const std::string& file, const std::string& name) {
    if (file == "none") {
        return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1;
    }
    bool own_file = file != "default";
    if (!own_file && name.empty()) {
        return true;
    }
    if (own_file && !file.starts_with('/')) {
        log_warning(
            "non-default tls_config_file = {} is not an absolute pathname, disabling TLS support",
            file);
        return false;
    }
    Settings settings(OPENSSL_INIT_new());
    bool set = settings != nullptr;
    // A file of the site's own must be there, and good.
    unsigned long flags =
        own_file ? 0 : CONF_MFLAGS_IGNORE_MISSING_FILE | CONF_MFLAGS_DEFAULT_SECTION;
    if (set && own_file) {
        set = OPENSSL_INIT_set_config_filename(settings.get(), file.c_str()) == 1;
    }
    if (set && !name.empty()) {
        set = OPENSSL_INIT_set_config_appname(settings.get(), name.c_str()) == 1;
    }
    if (set) {
        OPENSSL_INIT_set_config_file_flags(settings.get(), flags);
        set = OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, settings.get()) == 1;
    }
    if (!set) {
        log_warning(
            "error loading the '{}' settings from the {} OpenSSL configuration file, disabling TLS "
            "support",
            name.empty() ? "global" : name, file);
        log_tls_errors();
    }
    return set;
}

}  // namespace

bool load_tls_library(const Config& config) {
    static const bool usable = load(config.tls_config_file(), config.tls_config_name());
    return usable;
}

}  // namespace relais
