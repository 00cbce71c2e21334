#include "tools/doveadm/settings.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/dovecot_conf.h"
#include "lib/sasl/user_variables.h"

#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

bool is_yes(std::string_view text) {
    return iequals(text, "yes") || iequals(text, "y") || text == "1";
}

Result<ImapAccount::Tls> tls_of(std::string_view text) {
    if (text == "imaps") {
        return ImapAccount::Tls::kImmediate;
    }
    if (text == "starttls") {
        return ImapAccount::Tls::kStartTls;
    }
    return text.empty() || text == "no"
               ? Result<ImapAccount::Tls>(ImapAccount::Tls::kNone)
               : fail(Errc::kSyntax,
                      format("imapc_ssl={}: no, imaps or starttls", printable(text)));
}

// The words of imapc_sasl_mechanisms, of which tokens need the first.
Result<std::string> mechanism_of(std::string_view text) {
    auto words = split_words(text);
    std::string mechanism = words.empty() ? "" : uppercase(words.front());
    bool known = mechanism.empty() || mechanism == "PLAIN" || mechanism == "LOGIN" ||
                 mechanism == "XOAUTH2" || mechanism == "OAUTHBEARER";
    return known ? Result<std::string>(mechanism)
                 : fail(Errc::kSyntax, format("imapc_sasl_mechanisms={}: plain, login, xoauth2 or "
                                              "oauthbearer",
                                              printable(text)));
}

ServerTlsSettings tls_settings(const Settings& settings, std::string_view verify) {
    return {is_yes(settings.get(verify, "yes")), settings.get("ssl_client_ca_file"),
            settings.get("ssl_client_ca_dir")};
}

}  // namespace

void Settings::take(std::string_view text) {
    auto parts = split_first(text, '=');
    if (!parts) {
        end_with(kTemporary,
                 format("Error reading configuration: Invalid -o parameter {}: Missing '='",
                        printable(text)));
    }
    values_[std::string(parts->first)] = parts->second;
}

void Settings::take_file(const std::string& path) {
    auto file = load_dovecot_tree(path);
    if (!file) {
        end_with(kTemporary, "Error reading configuration: " + file.error().message);
    }
    std::map<std::string, std::string, std::less<>> found;
    for (const DovecotSetting& setting : file->settings) {
        found[setting.name] = setting.value;
    }
    values_.merge(found);
}

std::string Settings::get(std::string_view name, std::string_view otherwise) const {
    auto found = values_.find(name);
    return found == values_.end() ? std::string(otherwise) : found->second;
}

Result<ImapAccount> imap_account(const Settings& settings, const std::string& user,
                                 std::chrono::seconds patience) {
    auto tls = tls_of(settings.get("imapc_ssl"));
    auto mechanism = mechanism_of(settings.get("imapc_sasl_mechanisms"));
    if (!tls || !mechanism) {
        return tls ? Result<ImapAccount>(fail_with(mechanism)) : fail_with(tls);
    }
    ImapAccount account;
    account.host = settings.get("imapc_host");
    if (account.host.empty()) {
        return fail(Errc::kSyntax, "imapc_host is not set (-o imapc_host=...)");
    }
    account.port = settings.get("imapc_port");
    account.user = expand_user_variables(settings.get("imapc_user", "%u"), user, "");
    account.password = settings.get("imapc_password");
    account.master_user = settings.get("imapc_master_user");
    account.mechanism = *mechanism;
    account.list_prefix = trim_right(settings.get("imapc_list_prefix"), "./");
    account.tls = *tls;
    account.tls_settings = tls_settings(settings, "imapc_ssl_verify");
    account.patience = patience;
    return account;
}

namespace {

// "[::1]:24245", "host:24245"
bool has_port(std::string_view where) {
    auto parts = split_last(where, ':');
    return parts && !parts->second.empty() && std::ranges::all_of(parts->second, is_digit);
}

}  // namespace

Result<DoveadmAccount> doveadm_account(const Settings& settings, std::string where,
                                       ServerTlsUse tls) {
    const std::string port = settings.get("doveadm_port");
    if (!where.starts_with('/') && !has_port(where)) {
        if (port.empty() || port == "0") {
            return fail(Errc::kSyntax,
                        printable(where) + " has no port, and doveadm_port is not set");
        }
        where += ":" + port;
    }
    DoveadmAccount account;
    account.address = std::move(where);
    account.password = settings.get("doveadm_password");
    account.tls = tls;
    account.tls_settings = tls_settings(settings, "doveadm_ssl_verify");
    return account;
}

}  // namespace relais::doveadm
