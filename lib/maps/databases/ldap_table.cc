// ldap: tables.  What attributes of an entry are results, and which ones name other entries that
// are to be read too, is decided here; the client library is behind a plug-in (ldap_client.h).
#include <algorithm>
#include <memory>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/maps/databases/client_table.h"
#include "lib/maps/databases/kerberos_files.h"
#include "lib/maps/databases/ldap_client.h"
#include "lib/maps/databases/ldap_quote.h"
#include "lib/maps/table_needs.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

constexpr std::string_view kSeparators = " ,\t\r\n";
constexpr int kDefaultPort = 389;

// The attributes that are asked for.  Those of an earlier group hide those of later ones.
struct ResultAttributes {
    std::vector<std::string> names;  // terminal, leaf, plain, special
    std::size_t terminal = 0;        // an entry that has one of these has no other results
    std::size_t leaf = 0;            // count only in entries without special attributes
    std::size_t plain = 0;

    std::size_t first_plain() const { return terminal + leaf; }

    // From here on they hold names of entries, or LDAP URLs.
    std::size_t first_special() const { return terminal + leaf + plain; }

    std::size_t index_of(std::string_view name) const {
        auto it = std::ranges::find_if(
            names, [name](const std::string& each) { return iequals(each, name); });
        return static_cast<std::size_t>(it - names.begin());
    }
};

class LdapTable : public ClientTable {
  public:
    explicit LdapTable(const OpenRequest& request) : ClientTable(request, MayWait::kYes) {}

    Result<void> open(ClientSettings& settings, const LdapDriver* driver);

  protected:
    Lookup ask(std::string_view key) override;

    void abandon_connections() override { static_cast<void>(connection_.release()); }

  private:
    // One lookup: what it has found so far.
    struct Harvest {
        std::string_view key;
        std::string result;
        int values = 0;
        std::string trouble;  // with the entry that was looked at last
        bool failed = false;
    };

    Result<void> read_servers(ClientSettings& settings);
    void read_attributes(ClientSettings& settings);
    void read_scope(ClientSettings& settings);
    void read_bind(ClientSettings& settings);
    void read_tls(ClientSettings& settings);

    bool connect();
    static void report_setup(const LdapError& error);
    std::expected<std::vector<LdapEntry>, LdapError> search(const LdapSearch& query);
    void gather(const std::vector<LdapEntry>& entries, int depth, Harvest& harvest);
    void gather_entry(const LdapEntry& entry, int depth, Harvest& harvest);
    void add_values(const LdapAttribute& attribute, int depth, Harvest& harvest);
    void follow(const std::string& link, int depth, Harvest& harvest);
    std::optional<LdapSearch> search_of(const std::string& link, int depth) const;
    static void report(std::string_view where, const LdapError& error, Harvest& harvest);

    const LdapDriver* driver_ = nullptr;
    LdapOptions options_;
    std::string base_;
    bool base_depends_on_key_ = false;
    std::string filter_;
    LdapScope scope_ = LdapScope::kSubtree;
    ResultAttributes attributes_;
    int recursion_limit_ = 1000;
    std::unique_ptr<LdapConnection> connection_;
};

Result<void> LdapTable::read_servers(ClientSettings& settings) {
    std::string hosts = settings.text("server_host", "localhost", ClientSettings::Need::kRequired);
    int port = settings.number("server_port", kDefaultPort, 0);
    options_.version = settings.number("version", 3, 0);
    if (options_.version != 2 && options_.version != 3) {
        log_warning("dict_ldap_open: {} Unknown version {}, using 3.", name(), options_.version);
        options_.version = 3;
    }
    for (std::string_view host : split_words(hosts, kSeparators)) {
        std::string url(host);
        if (!driver_->is_url(url)) {
            url =
                host.contains(':') ? format("ldap://{}", host) : format("ldap://{}:{}", host, port);
        } else if (std::string scheme = driver_->scheme(url); scheme.empty()) {
            log_warning("dict_ldap_open: error parsing URL {}; skipping", host);
            continue;
        } else if (scheme != "ldap" && options_.version != 3) {
            log_warning("dict_ldap_open: URL scheme {} requires protocol version 3", scheme);
            options_.version = 3;
        }
        options_.servers += (options_.servers.empty() ? "" : " ") + url;
    }
    if (options_.servers.empty()) {
        return fail(Errc::kSyntax, format("{}: no usable server_host", name()));
    }
    return {};
}

void LdapTable::read_attributes(ClientSettings& settings) {
    auto add = [this, &settings](std::string_view key, std::string_view otherwise) {
        std::string list = settings.text(key, otherwise);
        auto words = split_words(list, kSeparators);
        attributes_.names.insert(attributes_.names.end(), words.begin(), words.end());
        return words.size();
    };
    attributes_.terminal = add("terminal_result_attribute", "");
    attributes_.leaf = add("leaf_result_attribute", "");
    attributes_.plain = add("result_attribute", "maildrop");
    add("special_result_attribute", "");
}

void LdapTable::read_scope(ClientSettings& settings) {
    std::string scope = settings.text("scope", "sub", ClientSettings::Need::kRequired);
    if (iequals(scope, "one")) {
        scope_ = LdapScope::kOneLevel;
    } else if (iequals(scope, "base")) {
        scope_ = LdapScope::kBase;
    } else if (!iequals(scope, "sub")) {
        log_warning("dict_ldap_open: {}: Unrecognized value {} specified for scope; using sub",
                    name(), scope);
    }
}

void LdapTable::read_bind(ClientSettings& settings) {
    std::string bind = settings.text("bind", "yes", ClientSettings::Need::kRequired);
    if (iequals(bind, "no") || iequals(bind, "none")) {
        options_.bind = LdapBind::kNone;
    } else if (iequals(bind, "sasl")) {
        options_.bind = LdapBind::kSasl;
        note_kerberos_files();
    } else if (!iequals(bind, "yes") && !iequals(bind, "simple")) {
        settings.refuse(format("unsupported parameter value: bind = {}", bind));
    }
    options_.bind_dn = settings.text("bind_dn");
    options_.bind_password = settings.text("bind_pw");
    options_.sasl_mechanisms = settings.text("sasl_mechs");
    options_.sasl_realm = settings.text("sasl_realm");
    options_.sasl_authorization = settings.text("sasl_authz_id");
    options_.sasl_least_strength = settings.number("sasl_minssf", 0, 0);
}

void LdapTable::read_tls(ClientSettings& settings) {
    options_.start_tls = settings.flag("start_tls", false);
    if (options_.start_tls && options_.version != 3) {
        log_warning("dict_ldap_open: {} start_tls requires protocol version 3", name());
        options_.version = 3;
    }
    options_.tls_require_certificate = settings.flag("tls_require_cert", false);
    options_.tls_ca_file = settings.text("tls_ca_cert_file");
    options_.tls_ca_directory = settings.text("tls_ca_cert_dir");
    options_.tls_certificate = settings.text("tls_cert");
    options_.tls_key = settings.text("tls_key");
    options_.tls_random_file = settings.text("tls_random_file");
    options_.tls_ciphers = settings.text("tls_cipher_suite");
    for (const std::string* path :
         {&options_.tls_ca_file, &options_.tls_ca_directory, &options_.tls_certificate,
          &options_.tls_key, &options_.tls_random_file}) {
        note_table_read(*path);
    }
}

Result<void> LdapTable::open(ClientSettings& settings, const LdapDriver* driver) {
    driver_ = driver;
    if (auto read = read_servers(settings); !read) {
        return read;
    }
    read_scope(settings);
    base_ = settings.text("search_base");
    options_.timeout = std::chrono::seconds(settings.number("timeout", 10, 0));
    filter_ = settings.text("query_filter", "(mailacceptinggeneralid=%s)");
    read_attributes(settings);
    read_bind(settings);
    for (std::string_view key : {"cache", "cache_expiry", "cache_size"}) {
        if (settings.has(key)) {
            log_warning("dict_ldap_open: {} ignoring {}", name(), key);
        }
    }
    recursion_limit_ = settings.number("recursion_limit", 1000, 1);
    options_.dereference = settings.number("dereference", 0);
    if (options_.dereference < 0 || options_.dereference > 3) {
        log_warning("dict_ldap_open: {} Unrecognized value {} specified for dereference; using 0",
                    name(), options_.dereference);
        options_.dereference = 0;
    }
    options_.chase_referrals = settings.flag("chase_referrals", false);
    options_.debug_level = settings.number("debuglevel", 0, 0);
    read_tls(settings);
    std::string older_format = settings.text("result_filter", "%s");
    if (auto read = read_common(settings, older_format); !read) {
        return read;
    }
    options_.size_limit = settings.number("size_limit", expansion_limit(), 0);
    auto base = templates().inspect(base_, KeyTemplates::Use::kQuery);
    auto filter = templates().inspect(filter_, KeyTemplates::Use::kQuery);
    if (!base || !filter) {
        return fail_with(base ? filter : base);
    }
    base_depends_on_key_ = *base;
    if (!*filter) {
        log_warning("dict_ldap_open: {}: Fixed query_filter {} is probably useless", name(),
                    filter_);
    }
    return settings.failure();
}

// As Postfix weighs it.
void LdapTable::report_setup(const LdapError& error) {
    std::string text = format("{}: Unable to {} {}: {}", error.where, printable(error.action),
                              error.code, error.text);
    if (error.action == "set STARTTLS:") {
        log_error("{}", text);
    } else {
        log_warning("{}", text);
    }
}

bool LdapTable::connect() {
    auto opened = driver_->connect(options_);
    if (!opened && !opened.error().action.empty()) {
        report_setup(opened.error());
        return false;
    }
    if (!opened) {
        log_warning("dict_ldap_connect: Unable to bind to server {} with dn {}: {} ({})",
                    options_.servers,
                    options_.bind_dn.empty() ? "empty or implicit" : options_.bind_dn,
                    opened.error().code, opened.error().text);
        return false;
    }
    connection_ = std::move(*opened);
    return true;
}

// A connection that was lost while it was not in use is made anew once.
std::expected<std::vector<LdapEntry>, LdapError> LdapTable::search(const LdapSearch& query) {
    for (;;) {
        bool fresh = connection_ == nullptr;
        if (fresh && !connect()) {
            return std::unexpected(LdapError{LdapError::Kind::kLost, 0, ""});
        }
        auto found = connection_->search(query);
        if (found || found.error().kind != LdapError::Kind::kLost) {
            return found;
        }
        connection_.reset();
        if (fresh) {
            return found;
        }
    }
}

// `where` begins the message.
void LdapTable::report(std::string_view where, const LdapError& error, Harvest& harvest) {
    harvest.failed = true;
    if (!error.text.empty()) {  // or the connection failed, which is logged
        log_warning("{}earch error {}: {} ", where, error.code, error.text);
    }
}

// What a special attribute points at: an entry by its name, or a search by its URL.  A URL that
// asks for nothing that is a result here is left out.
std::optional<LdapSearch> LdapTable::search_of(const std::string& link, int depth) const {
    if (!driver_->is_url(link)) {
        return LdapSearch{link, LdapScope::kBase, "objectclass=*", attributes_.names};
    }
    auto parsed = driver_->parse_url(link);
    if (!parsed) {
        log_warning("dict_ldap_get_values[{}]: malformed URL {}: {}({})", depth, printable(link),
                    parsed.error().text, parsed.error().code);
        return std::nullopt;
    }
    if (parsed->attributes.empty()) {
        parsed->attributes = attributes_.names;
        return *parsed;
    }
    std::erase_if(parsed->attributes, [this](const std::string& name) {
        return attributes_.index_of(name) == attributes_.names.size();
    });
    return parsed->attributes.empty() ? std::nullopt : std::optional(*parsed);
}

void LdapTable::follow(const std::string& link, int depth, Harvest& harvest) {
    auto query = search_of(link, depth);
    if (!query) {
        return;
    }
    auto found = search(*query);
    harvest.trouble = found ? "" : found.error().text;
    if (found) {
        gather(*found, depth + 1, harvest);
    } else if (found.error().kind == LdapError::Kind::kNoSuchObject) {
        log_warning("dict_ldap_get_values[{}]: DN {} not found, skipping ", depth, printable(link));
    } else {
        report(format("dict_ldap_get_values[{}]: s", depth), found.error(), harvest);
    }
}

void LdapTable::add_values(const LdapAttribute& attribute, int depth, Harvest& harvest) {
    for (const std::string& value : attribute.values) {
        if (templates().add_result(result_format(), value, harvest.key, harvest.result) &&
            !within_limit(harvest.values)) {
            log_warning("dict_ldap_get_values[{}]: {}: Expansion limit exceeded for key: '{}'",
                        depth, name(), printable(harvest.key));
            harvest.failed = true;
            return;
        }
    }
}

void LdapTable::gather_entry(const LdapEntry& entry, int depth, Harvest& harvest) {
    const ResultAttributes& known = attributes_;
    auto has_any = [&entry, &known](std::size_t from, std::size_t to) {
        return std::ranges::any_of(entry.attributes, [&known, from, to](const auto& attribute) {
            std::size_t index = known.index_of(attribute.name);
            return !attribute.values.empty() && index >= from && index < to;
        });
    };
    bool is_terminal = has_any(0, known.terminal);
    bool is_leaf =
        is_terminal || known.leaf == 0 || !has_any(known.first_special(), known.names.size());
    for (const LdapAttribute& attribute : entry.attributes) {
        std::size_t index = known.index_of(attribute.name);
        if (index == known.names.size() || harvest.failed ||
            (is_terminal && index >= known.terminal) || (!is_leaf && index < known.first_plain())) {
            continue;
        }
        if (index < known.first_special()) {
            add_values(attribute, depth, harvest);
            continue;
        }
        for (const std::string& link : attribute.values) {
            if (!harvest.failed && depth >= recursion_limit_) {
                log_warning(
                    "dict_ldap_get_values[{}]: {}: Recursion limit exceeded for special "
                    "attribute {}={}",
                    depth, name(), attribute.name, printable(link));
                harvest.failed = true;
            }
            if (!harvest.failed) {
                follow(link, depth, harvest);
            }
        }
    }
}

void LdapTable::gather(const std::vector<LdapEntry>& entries, int depth, Harvest& harvest) {
    long count = 0;
    for (const LdapEntry& entry : entries) {
        if (options_.size_limit > 0 && ++count > options_.size_limit) {
            log_warning("dict_ldap_get_values[{}]: {}: Query size limit ({}) exceeded", depth,
                        name(), options_.size_limit);
            harvest.failed = true;
        }
        if (harvest.failed) {
            return;
        }
        gather_entry(entry, depth, harvest);
    }
}

Lookup LdapTable::ask(std::string_view key) {
    if (auto refused = refuse_key(key)) {
        return std::move(*refused);
    }
    auto base = templates().query(base_, key, quote_ldap_name);
    auto filter = templates().query(filter_, key, quote_ldap_filter);
    if (!base || !filter) {
        return Lookup::not_found();
    }
    Harvest harvest;
    harvest.key = key;
    LdapSearch query{std::move(*base), scope_, std::move(*filter), attributes_.names};
    auto found = search(query);
    if (found) {
        gather(*found, 1, harvest);
        if (!harvest.trouble.empty()) {
            log_warning("dict_ldap_lookup: Had some trouble with entries returned by search: {}",
                        harvest.trouble);
        }
    } else if (found.error().kind != LdapError::Kind::kNoSuchObject) {
        report("dict_ldap_lookup: S", found.error(), harvest);
    } else if (!base_depends_on_key_) {
        // Nobody's key is to blame for a base that is not there.
        log_warning("dict_ldap_lookup: {}: Search base '{}' not found: {}: {}", name(), query.base,
                    found.error().code, found.error().text);
        harvest.failed = true;
    }
    if (harvest.failed) {
        return Lookup::retry("the directory could not answer");
    }
    return harvest.result.empty() ? Lookup::not_found() : Lookup::found(std::move(harvest.result));
}

}  // namespace

OpenedTable open_ldap_table(const OpenRequest& request) {
    return open_client_table<LdapTable, LdapDriver>(request, kLdapPluginName);
}

}  // namespace relais
