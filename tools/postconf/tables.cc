#include "tools/postconf/tables.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/main_cf.h"
#include "lib/config/values.h"

namespace relais::postconf {

namespace {

constexpr std::array<std::string_view, 43> kLdap = {
    "bind", "bind_dn", "bind_pw", "cache", "cache_expiry", "cache_size", "chase_referrals",
    "debuglevel", "dereference", "domain", "expansion_limit", "leaf_result_attribute",
    "query_filter", "recursion_limit", "result_attribute", "result_filter", "result_format",
    "sasl_authz_id", "sasl_mechs", "sasl_minssf", "sasl_realm", "scope", "search_base",
    "server_host", "server_port", "size_limit", "special_result_attribute", "start_tls",
    "terminal_result_attribute", "timeout", "tls_ca_cert_dir", "tls_ca_cert_file", "tls_cert",
    "tls_cipher_suite", "tls_key", "tls_random_file", "tls_require_cert", "version",
    // the settings that every kind of table file may hold
    "dict_flags", "search_filter", "lookup_wildcards", "sizelimit", "search_timeout"};
constexpr std::array<std::string_view, 25> kMysql = {"additional_conditions",
                                                     "charset",
                                                     "dbname",
                                                     "domain",
                                                     "expansion_limit",
                                                     "hosts",
                                                     "idle_interval",
                                                     "option_file",
                                                     "option_group",
                                                     "password",
                                                     "query",
                                                     "require_result_set",
                                                     "result_format",
                                                     "retry_interval",
                                                     "select_field",
                                                     "table",
                                                     "tls_CAfile",
                                                     "tls_CApath",
                                                     "tls_cert_file",
                                                     "tls_ciphers",
                                                     "tls_key_file",
                                                     "tls_verify_cert",
                                                     "user",
                                                     "where_field",
                                                     "tls_CAfile"};
constexpr std::array<std::string_view, 15> kPgsql = {"additional_conditions",
                                                     "dbname",
                                                     "domain",
                                                     "encoding",
                                                     "expansion_limit",
                                                     "hosts",
                                                     "idle_interval",
                                                     "password",
                                                     "query",
                                                     "result_format",
                                                     "retry_interval",
                                                     "select_field",
                                                     "select_function",
                                                     "table",
                                                     "user"};
constexpr std::array<std::string_view, 9> kSqlite = {
    "additional_conditions", "dbpath",       "domain", "expansion_limit", "query",
    "result_format",         "select_field", "table",  "where_field"};
constexpr std::array<std::string_view, 12> kMemcache = {
    "backup",  "data_size_limit", "domain",      "flags",   "key_format", "line_size_limit",
    "max_try", "memcache",        "retry_pause", "timeout", "ttl",        "result_format"};

struct Type {
    std::string_view name;
    std::span<const std::string_view> attributes;
};

constexpr std::array kTypes = {
    Type{"ldap", kLdap},     Type{"mysql", kMysql},       Type{"pgsql", kPgsql},
    Type{"sqlite", kSqlite}, Type{"memcache", kMemcache},
};

}  // namespace

std::span<const std::string_view> table_attributes(std::string_view type) {
    for (const auto& each : kTypes) {
        if (each.name == type) {
            return each.attributes;
        }
    }
    return {};
}

std::vector<TableReference> tables_in(std::string_view text) {
    std::vector<TableReference> tables;
    if (!text.contains(':')) {
        return tables;
    }
    for (const auto& word : split_list(text)) {
        std::string_view rest = word;
        while (rest.starts_with("proxy:")) {
            rest.remove_prefix(6);
        }
        auto parts = split_first(rest, ':');
        if (parts && !table_attributes(parts->first).empty()) {
            tables.push_back({std::string(parts->first), std::string(parts->second)});
        }
    }
    return tables;
}

void warn_unused_in_table_file(const TableReference& table) {
    auto text = read_file(table.name);
    if (!text) {
        log_warning("open \"{}\" configuration \"{}\": {}", table.type, table.name,
                    std::strerror(text.error().sys_errno));
        return;
    }
    auto entries = parse_main_cf(*text, table.name);
    if (!entries) {
        log_warning("{}", entries.error().message);
        return;
    }
    auto known = table_attributes(table.type);
    for (const auto& entry : *entries) {
        if (std::ranges::find(known, entry.name) == known.end()) {
            log_warning("{}: unused parameter: {}={}", table.name, entry.name, entry.value);
        }
    }
}

}  // namespace relais::postconf
