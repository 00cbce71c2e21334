#include "tools/postconf/tables.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/main_cf.h"
#include "lib/config/values.h"

namespace relais::postconf {

namespace {

constexpr std::array<std::string_view, 38> kLdap = {"bind",
                                                    "bind_dn",
                                                    "bind_pw",
                                                    "cache",
                                                    "cache_expiry",
                                                    "cache_size",
                                                    "chase_referrals",
                                                    "debuglevel",
                                                    "dereference",
                                                    "domain",
                                                    "expansion_limit",
                                                    "leaf_result_attribute",
                                                    "query_filter",
                                                    "recursion_limit",
                                                    "result_attribute",
                                                    "result_filter",
                                                    "result_format",
                                                    "sasl_authz_id",
                                                    "sasl_mechs",
                                                    "sasl_minssf",
                                                    "sasl_realm",
                                                    "scope",
                                                    "search_base",
                                                    "server_host",
                                                    "server_port",
                                                    "size_limit",
                                                    "special_result_attribute",
                                                    "start_tls",
                                                    "terminal_result_attribute",
                                                    "timeout",
                                                    "tls_ca_cert_dir",
                                                    "tls_ca_cert_file",
                                                    "tls_cert",
                                                    "tls_cipher_suite",
                                                    "tls_key",
                                                    "tls_random_file",
                                                    "tls_require_cert",
                                                    "version"};
constexpr std::array<std::string_view, 24> kMysql = {"additional_conditions",
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
                                                     "where_field"};
constexpr std::array<std::string_view, 16> kPgsql = {"additional_conditions",
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
                                                     "user",
                                                     "where_field"};
constexpr std::array<std::string_view, 9> kSqlite = {
    "additional_conditions", "dbpath",       "domain", "expansion_limit", "query",
    "result_format",         "select_field", "table",  "where_field"};
constexpr std::array<std::string_view, 11> kMemcache = {
    "backup",  "data_size_limit", "domain",      "flags",   "key_format", "line_size_limit",
    "max_try", "memcache",        "retry_pause", "timeout", "ttl"};

struct Type {
    std::string_view name;
    std::span<const std::string_view> attributes;
};

constexpr std::array kTypes = {
    Type{"ldap", kLdap},     Type{"mysql", kMysql},       Type{"pgsql", kPgsql},
    Type{"sqlite", kSqlite}, Type{"memcache", kMemcache},
};

constexpr int kMaxDepth = 100;

// Goes through a value as a list, and through the lists in braces that it holds.
class TableReader {
  public:
    explicit TableReader(std::string_view file) : file_(file) {}

    void read(std::string_view text) {
        if (++depth_ < kMaxDepth) {
            for (const auto& word : split_list(text)) {
                if (word.starts_with('#')) {
                    break;
                }
                word.starts_with('{') ? read(without_braces(word, file_)) : read_table(word);
            }
        }
        --depth_;
    }

    std::vector<TableReference> take() { return std::move(tables_); }

  private:
    void read_table(std::string_view word) {
        while (word.starts_with("proxy:") || word.starts_with("debug:")) {
            word.remove_prefix(6);
        }
        auto parts = split_first(word, ':');
        if (!parts) {
            return;
        }
        auto [type, name] = *parts;
        if (name.starts_with('{')) {
            read(without_braces(std::string(name), file_));
        } else if (!table_attributes(type).empty()) {
            tables_.push_back({std::string(type), std::string(name)});
        }
    }

    std::string_view file_;
    std::vector<TableReference> tables_;
    int depth_ = 0;
};

// Goes through the same lists for words that begin with "#". Patterns in braces are no lists.
class CommentReader {
  public:
    void read(std::string_view text) { read_list(text, ""); }

    std::vector<std::string> take() { return std::move(comments_); }

  private:
    void read_list(std::string_view text, std::string_view type) {
        if (++depth_ < kMaxDepth) {
            for (const auto& word : split_list(text)) {
                if (word.starts_with('#')) {
                    comments_.push_back(word);
                    break;
                }
                read_word(word, type);
            }
        }
        --depth_;
    }

    // `type` is that of the table whose braces the word stands in.
    void read_word(std::string_view word, std::string_view type) {
        if (type == "inline") {
            if (auto entry = parse_assignment(word)) {
                read_list(entry->value, "");
            }
        } else if (type.empty() || type == "pipemap" || type == "unionmap") {
            auto start = word.starts_with('{') ? 0 : word.find(":{") + 1;
            if (auto inside = strip_braces(word.substr(start))) {
                auto before = word.substr(0, start > 0 ? start - 1 : 0);
                read_list(*inside, before.substr(before.rfind(':') + 1));
            }
        }
    }

    std::vector<std::string> comments_;
    int depth_ = 0;
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

std::vector<TableReference> tables_in(std::string_view value, std::string_view file) {
    TableReader reader(file);
    if (value.contains(':') || value.contains('{')) {
        reader.read(value);
    }
    return reader.take();
}

std::vector<std::string> comments_in(std::string_view value) {
    CommentReader reader;
    if (value.contains('#')) {
        reader.read(value);
    }
    return reader.take();
}

std::string without_braces(const std::string& text, std::string_view file) {
    auto inside = strip_braces(text);
    if (inside) {
        return std::string(*inside);
    }
    log_warning("{}: {}", file, inside.error().message);
    auto length = group_length(text);
    auto rest = length > 0 ? std::string_view(text).substr(1, length - 2)
                           : std::string_view(text).substr(1);
    return std::string(trim(rest));
}

void warn_unused_in_table_file(const TableReference& table) {
    struct stat status{};
    bool exists = ::stat(table.name.c_str(), &status) == 0;
    auto text = exists && S_ISREG(status.st_mode) ? read_file(table.name)
                                                  : Result<std::string>(fail_errno("open", errno));
    if (!text) {
        log_warning("open \"{}\" configuration \"{}\": {}", table.type, table.name,
                    exists && !S_ISREG(status.st_mode) ? "not a regular file"
                                                       : std::strerror(text.error().sys_errno));
        return;
    }
    auto entries = parse_main_cf(*text, table.name);
    if (!entries) {
        log_fatal("{}", entries.error().message);
    }
    std::map<std::string, std::string> values;
    for (const auto& [name, value, line] : *entries) {
        auto [had, is_new] = values.emplace(name, value);
        if (!is_new && had->second != value) {
            log_warning("{}, line {}: overriding earlier entry: {}={}", table.name, line, name,
                        had->second);
        }
        had->second = value;
    }
    auto known = table_attributes(table.type);
    for (const auto& [name, value] : values) {
        if (std::ranges::find(known, name) == known.end()) {
            log_warning("{}:{}: unused parameter: {}={}", table.type, table.name, name, value);
        }
    }
}

}  // namespace relais::postconf
