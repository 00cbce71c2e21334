#include "tools/relais/dovecot_import.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/pop3/uidl_format.h"
#include "lib/sasl/mechanism.h"
#include "lib/store/mail_location.h"

#include "tools/relais/dovecot_databases.h"
#include "tools/relais/dovecot_location.h"
#include "tools/relais/dovecot_namespaces.h"
#include "tools/relais/dovecot_quota.h"
#include "tools/relais/dovecot_services.h"
#include "tools/relais/dovecot_values.h"

namespace relais {

namespace {

std::string place_of(const DovecotSetting& setting) {
    return format("{}:{}", setting.file, setting.line);
}

// Settings that go over by another name, with the same values.
struct Renamed {
    std::string_view theirs;
    std::string_view ours;
};

constexpr std::array<Renamed, 23> kRenamed = {
    {{"mail_home", "auth_default_home"},
     {"mail_uid", "auth_default_uid"},
     {"mail_gid", "auth_default_gid"},
     {"first_valid_uid", "imap_minimum_uid"},
     {"first_valid_gid", "imap_minimum_gid"},
     {"auth_username_format", "auth_username_format"},
     {"auth_master_user_separator", "auth_master_user_separator"},
     {"auth_failure_delay", "auth_failure_delay"},
     {"pop3_uidl_duplicates", "pop3_uidl_duplicates"},
     {"pop3_lock_session", "pop3_lock_session"},
     {"pop3_reuse_xuidl", "pop3_reuse_xuidl"},
     {"pop3_save_uidl", "pop3_save_uidl"},
     {"login_proxy_max_reconnects", "login_proxy_max_reconnects"},
     {"lmtp_proxy", "lmtpd_proxy"},
     {"lmtp_add_received_header", "lmtpd_add_received_header"},
     {"lmtp_rcpt_check_quota", "lmtpd_rcpt_check_quota"},
     {"lmtp_save_to_detail_mailbox", "lmtpd_save_to_detail_mailbox"},
     {"lda_mailbox_autocreate", "lmtpd_mailbox_autocreate"},
     {"lda_mailbox_autosubscribe", "lmtpd_mailbox_autosubscribe"},
     {"mail_nfs_storage", "mail_nfs_storage"},
     {"verbose_proctitle", "mailbox_process_titles"},
     {"ssl_client_ca_file", "login_proxy_tls_CAfile"},
     {"ssl_client_ca_dir", "login_proxy_tls_CApath"}}};

// What needs no setting here: it is so anyway, or is said elsewhere for the whole mail system.
constexpr std::array<std::string_view, 24> kNeedsNothing = {"auth_verbose",
                                                            "auth_debug",
                                                            "mail_debug",
                                                            "log_path",
                                                            "info_log_path",
                                                            "debug_log_path",
                                                            "syslog_facility",
                                                            "log_timestamp",
                                                            "base_dir",
                                                            "state_dir",
                                                            "instance_name",
                                                            "default_internal_user",
                                                            "default_internal_group",
                                                            "default_login_user",
                                                            "dovecot_config_version",
                                                            "dovecot_storage_version",
                                                            "shutdown_clients",
                                                            "mail_fsync",
                                                            "maildir_copy_with_hardlinks",
                                                            "stats_writer_socket_path",
                                                            "mail_privileged_group",
                                                            "mail_nfs_index",
                                                            "mmap_disable",
                                                            "dotlock_use_excl"};

// Plug-ins for what is here without any.
constexpr std::array<std::string_view, 6> kBuiltIn = {"$mail_plugins", "acl",   "imap_acl",
                                                      "imap_quota",    "quota", "imap_metadata"};

bool is_built_in(std::string_view plugin) {
    return std::ranges::find(kBuiltIn, plugin) != kBuiltIn.end();
}

// Why others have no counterpart.
std::string reason_for(std::string_view name) {
    if (name.starts_with("sieve") || name == "mail_plugins") {
        return "there are no plug-ins";
    }
    if (name.starts_with("quota")) {
        return "quotas have no such setting";
    }
    if (name.starts_with("ssl_")) {
        return "TLS is set up with imap_tls_* and pop3_tls_* parameters";
    }
    return "there is no such setting";
}

class Importer {
  public:
    explicit Importer(const DovecotImport::Directories& directories)
        : services_(directories.queue,
                    [this](const DovecotSetting& setting, std::string why,
                           std::string_view within) { leave(setting, std::move(why), within); }),
          quota_([this](std::string name, std::string value,
                        const DovecotSetting& from) { set(name, std::move(value), from); },
                 [this](const DovecotSetting& setting, std::string why) {
                     leave(setting, std::move(why), "plugin");
                 }),
          sql_(directories.config,
               [this](const DovecotSetting& setting, std::string why, std::string_view within) {
                   leave(setting, std::move(why), within);
               }),
          databases_([this](std::string name, std::string value,
                            const DovecotSetting& from) { set(name, std::move(value), from); },
                     [this](const DovecotSetting& setting, std::string why,
                            std::string_view within) { leave(setting, std::move(why), within); },
                     sql_) {}

    DovecotImport run(const DovecotSection& tree) {
        for (const DovecotSetting& setting : tree.settings) {
            take_setting(setting);
        }
        for (const DovecotSection& section : tree.sections) {
            take_section(section);
        }
        finish();
        return std::move(out_);
    }

  private:
    void set(const std::string& name, std::string value, const DovecotSetting& from) {
        out_.parameters[name] = {std::move(value), place_of(from)};
    }

    // What stands in a file may be a secret: the file is named.
    void leave(const DovecotSetting& setting, std::string why, std::string_view within = "") {
        std::string name = within.empty() ? setting.name : format("{}/{}", within, setting.name);
        std::string value = setting.in_file              ? "<" + setting.value
                            : setting.value_file.empty() ? setting.value
                                                         : "<" + setting.value_file;
        out_.left.push_back({place_of(setting), format("{} = {}", name, value), std::move(why)});
    }

    // -- Settings of the file ---------------------------------------------------------------

    void take_setting(const DovecotSetting& said) {
        const DovecotSetting setting = with_value_of_file(said);
        const std::string& name = setting.name;
        const auto* renamed = std::ranges::find(kRenamed, name, &Renamed::theirs);
        bool nothing = std::ranges::find(kNeedsNothing, name) != kNeedsNothing.end();
        if (name == "login_trusted_networks") {
            set(name, bracketed_networks(setting.value), setting);
        } else if (name == "login_proxy_timeout" || name == "auth_cache_ttl") {
            take_time(setting);
        } else if (name == "pop3_uidl_format") {
            take_uidl_format(setting);
        } else if (renamed != kRenamed.end()) {
            set(std::string(renamed->ours), setting.value, setting);
        } else if (nothing || take_tls(setting) || take_mail(setting) || take_login(setting) ||
                   take_sharing(setting) || quota_.take(setting) || sql_.take(setting) ||
                   needs_no_plugin(setting)) {
            return;
        } else {
            leave(setting, reason_for(name));
        }
    }

    void take_time(const DovecotSetting& setting) {
        auto time = time_of(setting.value);
        if (time) {
            set(setting.name == "auth_cache_ttl" ? "auth_cache_time" : setting.name, *time,
                setting);
        } else {
            leave(setting, "that is no time");
        }
    }

    void take_uidl_format(const DovecotSetting& setting) {
        const std::string text = short_uidl_format(setting.value);
        if (pop3::UidlFormat::parse(text)) {
            set(setting.name, text, setting);
        } else {
            leave(setting, "clients would fetch all mail again: see pop3_uidl_format");
        }
    }

    bool take_tls(const DovecotSetting& setting) {
        const std::string& name = setting.name;
        if (name == "ssl") {
            both("tls_security_level",
                 setting.value == "required" ? "encrypt"
                 : setting.value == "no"     ? "none"
                                             : "may",
                 setting);
            return true;
        }
        bool old_form = name == "ssl_cert" || name == "ssl_key";
        bool new_form = name == "ssl_server_cert_file" || name == "ssl_server_key_file";
        if (old_form && !setting.in_file && !setting.value.empty()) {
            leave(setting, "the certificate must be in a file of its own");
            return true;
        }
        if (old_form || new_form) {
            both(name.find("key") == std::string::npos ? "tls_cert_file" : "tls_key_file",
                 setting.value, setting);
            return true;
        }
        if (name == "ssl_min_protocol") {
            both("tls_protocols", ">=" + setting.value, setting);
            return true;
        }
        return false;
    }

    bool take_sharing(const DovecotSetting& setting) {
        auto imported = import_sharing(setting);
        if (imported && imported->name.empty()) {
            leave(setting, imported->value);
        } else if (imported) {
            set(imported->name, imported->value, setting);
        }
        return imported.has_value();
    }

    static bool needs_no_plugin(const DovecotSetting& setting) {
        auto plugins = split_words(setting.value, ", \t");
        return setting.name == "mail_plugins" && std::ranges::all_of(plugins, is_built_in);
    }

    // 2.4: "mail_plugins { quota = yes }"
    void take_plugin_names(const DovecotSection& section) {
        for (const DovecotSetting& setting : section.settings) {
            if (!is_built_in(setting.name)) {
                leave(setting, "there are no plug-ins", section.type);
            }
        }
    }

    // 2.4: "acl_sharing_map { dict file { path = /var/lib/dovecot/shared } }", and for annotations
    // "mail_attribute".
    void take_dictionary(const DovecotSection& section, const std::string& name) {
        for (const DovecotSection& inner : section.sections) {
            const std::string driver = inner.name.empty() ? "file" : inner.name;
            DovecotSetting whole{name, driver + ":" + std::string(inner.get("path")), inner.line,
                                 false, inner.file};
            take_sharing(whole);
        }
    }

    // Settings of plug-ins stand here in 2.3.
    void take_plugin(const DovecotSection& section) {
        for (const DovecotSetting& said : section.settings) {
            const DovecotSetting setting = with_value_of_file(said);
            if (!take_sharing(setting) && !quota_.take(setting)) {
                leave(setting, reason_for(setting.name), section.type);
            }
        }
    }

    bool take_mail(const DovecotSetting& setting) {
        if (setting.name == "mail_location") {
            take_location(setting);
            return true;
        }
        return location_.take(setting);
    }

    void take_location(const DovecotSetting& setting) {
        const std::string location = short_variables(setting.value);
        if (location.empty() || location == "auto") {
            return;
        }
        auto parsed = parse_mail_location(location, "user", "/home/user");
        if (!parsed) {
            leave(setting, parsed.error().message);
        } else if (parsed->format != MailFormat::kMaildir && parsed->format != MailFormat::kMbox) {
            leave(setting,
                  "mailboxes are Maildirs or mbox files; doveadm import brings each user's mail "
                  "over");
        } else {
            set("imap_mail_location", location, setting);
        }
    }

    bool take_login(const DovecotSetting& setting) {
        const std::string& name = setting.name;
        if (name == "protocols") {
            protocols_are_said_ = true;
            for (std::string_view word : split_words(setting.value, ", \t")) {
                take_protocol(setting, std::string(word));
            }
            return true;
        }
        if (name == "disable_plaintext_auth" || name == "auth_allow_cleartext") {
            bool only_tls = (setting.value == "yes") == (name == "disable_plaintext_auth");
            both("tls_auth_only", only_tls ? "yes" : "no", setting);
            return true;
        }
        if (name == "auth_mechanisms") {
            take_mechanisms(setting);
            return true;
        }
        if (name == "listen") {
            services_.take_addresses(setting);
            return true;
        }
        if (name == "mail_max_userip_connections") {
            set("imap_user_session_limit", setting.value, setting);
            return true;
        }
        return false;
    }

    void take_protocol(const DovecotSetting& setting, const std::string& protocol) {
        if (protocol == "imap" || protocol == "pop3" || protocol == "lmtp") {
            protocols_.insert(protocol);
        } else if (protocol != "none" && protocol != "$protocols") {
            leave(setting, format("there is no {} service to take over from", protocol));
        }
    }

    void take_mechanisms(const DovecotSetting& setting) {
        std::string known;
        for (std::string_view word : split_words(setting.value, ", \t")) {
            if (SaslMechanism::make(uppercase(word))) {
                known += (known.empty() ? "" : " ") + uppercase(word);
            } else {
                leave(setting, format("there is no mechanism {}", uppercase(word)));
            }
        }
        if (!known.empty()) {
            set("auth_mechanisms", known, setting);
        }
    }

    void both(const std::string& name, const std::string& value, const DovecotSetting& setting) {
        set("imap_" + name, value, setting);
        set("pop3_" + name, value, setting);
    }

    // -- Sections ---------------------------------------------------------------------------

    void take_section(const DovecotSection& section) {
        if (section.type == "passdb" || section.type == "userdb") {
            databases_.take(section);
        } else if (section.type == "namespace") {
            take_namespace(section);
        } else if (section.type == "service") {
            take_service(section);
        } else if (section.type == "protocol" &&
                   (section.name == "imap" || section.name == "pop3" || section.name == "lmtp" ||
                    section.name == "!indexer-worker")) {
            for (const DovecotSetting& setting : section.settings) {
                take_setting(setting);
            }
        } else if (section.type == "mailbox") {
            take_mailbox(section);
        } else if (section.type == "plugin") {
            take_plugin(section);
        } else if (section.type == "quota") {
            quota_.take_section(section);
        } else if (section.type == "mail_plugins") {
            take_plugin_names(section);
        } else if (section.type == "acl_sharing_map") {
            take_dictionary(section, "acl_shared_dict");
        } else if (section.type == "mail_attribute") {
            take_dictionary(section, "mail_attribute_dict");
        } else if (!sql_.take(section)) {
            leave_section(section, section.type);
        }
    }

    void leave_section(const DovecotSection& section, const std::string& within) {
        for (const DovecotSetting& setting : section.settings) {
            leave(setting, reason_for(setting.name), within);
        }
        for (const DovecotSection& inner : section.sections) {
            leave_section(inner, within + "/" + inner.type);
        }
    }

    void take_namespace(const DovecotSection& section) {
        auto leave_line = [this](const DovecotSetting& setting, std::string why) {
            leave(setting, std::move(why), "namespace");
        };
        namespaces_.take(section, leave_line);
        bool used = section.get("disabled") != "yes";
        for (const DovecotSetting& setting : section.settings) {
            if (setting.name == "separator" && !setting.value.empty() && used) {
                take_separator(setting);
            } else if (used && !is_known_of_namespaces(setting.name)) {
                leave(setting, reason_for(setting.name), "namespace");
            }
        }
        for (const DovecotSection& inner : section.sections) {
            if (inner.type == "mailbox") {
                take_mailbox(inner);
            } else {
                leave_section(inner, "namespace/" + inner.type);
            }
        }
    }

    static bool is_known_of_namespaces(std::string_view name) {
        constexpr std::array<std::string_view, 9> kKnown = {"inbox",    "list",     "subscriptions",
                                                            "hidden",   "type",     "prefix",
                                                            "location", "disabled", "separator"};
        return DovecotLocation::is_part(name) || std::ranges::find(kKnown, name) != kKnown.end();
    }

    // One for all namespaces.
    void take_separator(const DovecotSetting& setting) {
        auto before = out_.parameters.find("imap_hierarchy_separator");
        bool other = before != out_.parameters.end() && before->second.value != setting.value;
        if (other || (setting.value != "." && setting.value != "/")) {
            leave(setting, "all namespaces have one separator, a dot or a slash", "namespace");
            return;
        }
        set("imap_hierarchy_separator", setting.value, setting);
    }

    void take_mailbox(const DovecotSection& section) {
        for (const DovecotSetting& setting : section.settings) {
            if (setting.name == "special_use" && setting.value.starts_with('\\')) {
                uses_.push_back({list_item(section.name + "=" + setting.value), place_of(setting)});
            } else if (setting.name == "auto" && setting.value != "no") {
                leave(setting, "clients make the mailboxes that they want", "mailbox");
            } else if (setting.name != "auto" && !quota_.take_mailbox(section.name, setting)) {
                leave(setting, reason_for(setting.name), "mailbox");
            }
        }
    }

    void take_service(const DovecotSection& section) {
        if (!quota_.take_service(section)) {
            services_.take(section);
        }
    }

    // -- What the parts make together ---------------------------------------------------------

    struct Part {
        std::string text;
        std::string from;
    };

    void join_parts(const std::string& name, const std::vector<Part>& parts,
                    std::string_view separator) {
        std::string text;
        for (const Part& part : parts) {
            text += text.empty() ? "" : separator;
            text += part.text;
        }
        if (!parts.empty()) {
            out_.parameters[name] = {text, parts.front().from};
        }
    }

    std::string value_of(const std::string& name) const {
        auto found = out_.parameters.find(name);
        return found == out_.parameters.end() ? "" : found->second.value;
    }

    // What says where mail lies, in whatever order.
    std::string mail_places() const {
        std::string places = namespaces_.text();
        for (const char* name : {"imap_mail_location", "auth_default_home", "imap_metadata_file"}) {
            places += " " + value_of(name);
        }
        return places;
    }

    void finish() {
        if (auto location = location_.whole()) {
            take_location(*location);
        }
        quota_.finish();
        databases_.finish({mail_places(), value_of("auth_username_format")});
        out_.files = sql_.files();
        join_parts("imap_special_use", uses_, ", ");
        if (std::string text = namespaces_.text(); !text.empty()) {
            out_.parameters["imap_namespaces"] = {text, "the namespaces"};
        }
        if (!protocols_are_said_) {
            protocols_ = {"imap", "pop3"};
        }
        for (const char* protocol : {"imap", "pop3"}) {
            std::string prefix = std::string(protocol) + "_tls_";
            if (!protocols_.contains(protocol)) {
                std::erase_if(out_.parameters,
                              [&](const auto& each) { return each.first.starts_with(prefix); });
            }
        }
        out_.services = services_.lines(protocols_);
    }

    DovecotImport out_;
    std::set<std::string> protocols_;
    bool protocols_are_said_ = false;
    std::vector<Part> uses_;
    DovecotServices services_;
    DovecotQuota quota_;
    DovecotSql sql_;
    DovecotDatabases databases_;
    DovecotNamespaces namespaces_;
    DovecotLocation location_;
};

}  // namespace

DovecotImport DovecotImport::from(const DovecotSection& tree, const Directories& directories) {
    return Importer(directories).run(tree);
}

}  // namespace relais
