#include "imapd/pop3/settings.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais {

Pop3Settings Pop3Settings::from_configuration() {
    Pop3Settings settings;
    auto format = pop3::UidlFormat::parse(conf().pop3_uidl_format());
    if (!format) {
        log_fatal("pop3_uidl_format: {}", format.error().message);
    }
    settings.uidl_format = std::move(*format);
    settings.reuse_xuidl = conf().pop3_reuse_xuidl();
    const std::string& duplicates = conf().pop3_uidl_duplicates();
    if (duplicates != "allow" && duplicates != "rename") {
        log_fatal("pop3_uidl_duplicates: must be allow or rename, not \"{}\"", duplicates);
    }
    settings.rename_duplicates = duplicates == "rename";
    settings.deleted_flag = conf().pop3_deleted_flag();
    const std::string& type = conf().pop3_delete_type();
    if (type != "default" && type != "expunge" && type != "flag") {
        log_fatal("pop3_delete_type: must be default, expunge or flag, not \"{}\"", type);
    }
    bool flag = type == "flag" || (type == "default" && !settings.deleted_flag.empty());
    if (flag && settings.deleted_flag.empty()) {
        log_fatal("pop3_delete_type = flag, but pop3_deleted_flag is empty");
    }
    settings.deletion = flag ? Delete::kFlag : Delete::kExpunge;
    for (std::string_view word : split_words(conf().pop3_client_workarounds(), ", \t\r\n")) {
        if (word == "outlook-no-nuls") {
            settings.replace_nul = true;
        } else if (word == "oe-ns-eoh") {
            settings.end_header = true;
        } else {
            log_fatal("pop3_client_workarounds: \"{}\" is not known", word);
        }
    }
    return settings;
}

const Pop3Settings& pop3_settings() {
    static const Pop3Settings settings = Pop3Settings::from_configuration();
    return settings;
}

}  // namespace relais
