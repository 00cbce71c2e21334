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

// Goes through a value as a list, and through the lists in braces that it holds.
class WordReader {
  public:
    explicit WordReader(ValueWords& words) : words_(words) {}

    void read(std::string_view text);

  private:
    void read_table(std::string_view word);
    void read_inside(std::string_view type, std::string_view inside);
    bool is_comment(const std::string& word);

    ValueWords& words_;
    int depth_ = 0;
};

constexpr int kMaxDepth = 100;

// Nothing behind a comment is looked at.
bool WordReader::is_comment(const std::string& word) {
    if (word.starts_with('#')) {
        words_.comments.push_back(word);
        return true;
    }
    return false;
}

void WordReader::read(std::string_view text) {
    if (++depth_ < kMaxDepth) {
        for (const auto& word : split_list(text)) {
            if (is_comment(word)) {
                break;
            }
            if (!word.starts_with('{')) {
                read_table(word);
            } else if (auto inside = strip_braces(word)) {
                read(*inside);
            }
        }
    }
    --depth_;
}

void WordReader::read_table(std::string_view word) {
    while (word.starts_with("proxy:") || word.starts_with("debug:")) {
        word.remove_prefix(6);
    }
    auto parts = split_first(word, ':');
    if (!parts) {
        return;
    }
    auto [type, name] = *parts;
    if (name.starts_with('{')) {
        if (auto inside = strip_braces(name)) {
            read_inside(type, *inside);
        }
    } else if (!table_attributes(type).empty()) {
        words_.tables.push_back({std::string(type), std::string(name)});
    }
}

// "pipemap:{...}" is made of tables, and the values of "inline:{ { key = value } }" may name some.
void WordReader::read_inside(std::string_view type, std::string_view inside) {
    if (type == "pipemap" || type == "unionmap") {
        read(inside);
        return;
    }
    for (const auto& word : split_list(inside)) {
        if (is_comment(word)) {
            return;
        }
        auto entry = type == "inline" && word.starts_with('{') ? parse_assignment(word)
                                                               : Result<Assignment>(Assignment{});
        if (entry) {
            read(entry->value);
        }
    }
}

}  // namespace

std::span<const std::string_view> table_attributes(std::string_view type) {
    for (const auto& each : kTypes) {
        if (each.name == type) {
            return each.attributes;
        }
    }
    return {};
}

ValueWords words_of(std::string_view text) {
    ValueWords words;
    if (text.find_first_of(":#") != std::string_view::npos) {
        WordReader(words).read(text);
    }
    return words;
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
