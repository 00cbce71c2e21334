// What the plug-in for ldap: tables does: talk to a directory through the client library. Settings,
// templates, and what the attributes of an entry mean are LdapTable's.
//
// As with SQL, the plug-in links nothing of ours, and kLdapPluginName changes whenever this header
// does.
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

// The text of the symbol relais_plugin in the plug-in.
inline constexpr std::string_view kLdapPluginName = "relais-ldap-4";

enum class LdapScope { kSubtree, kBase, kOneLevel };
enum class LdapBind { kNone, kSimple, kSasl };

struct LdapOptions {
    std::string servers;  // URLs, separated by blanks; tried in this order
    int version = 3;
    LdapBind bind = LdapBind::kSimple;
    std::string bind_dn;
    std::string bind_password;
    std::string sasl_mechanisms;
    std::string sasl_realm;
    std::string sasl_authorization;
    int sasl_least_strength = 0;
    std::chrono::seconds timeout{10};
    bool chase_referrals = false;
    int dereference = 0;
    long size_limit = 0;
    long debug_level = 0;
    bool start_tls = false;
    bool tls_require_certificate = false;
    std::string tls_ca_file;
    std::string tls_ca_directory;
    std::string tls_certificate;
    std::string tls_key;
    std::string tls_random_file;
    std::string tls_ciphers;
};

struct LdapError {
    enum class Kind {
        kOther,
        kLost,          // the connection is of no use any more
        kNoSuchObject,  // the base of the search is not in the directory
        kWrongPassword,
    };

    Kind kind = Kind::kOther;
    int code = 0;
    std::string text;
    // Of a connection: what could not be done before the bind ("set tls_key to /x:"), and which
    // function of Postfix's names it in messages.
    std::string action = {};
    std::string_view where = {};
};

struct LdapAttribute {
    std::string name;
    std::vector<std::string> values;
};

struct LdapEntry {
    std::string dn;
    std::vector<LdapAttribute> attributes;
};

struct LdapSearch {
    std::string base;
    LdapScope scope = LdapScope::kSubtree;
    std::string filter;
    std::vector<std::string> attributes;
};

// One connection, bound from construction to destruction, or to the next bind().
class LdapConnection {
  public:
    LdapConnection() = default;
    LdapConnection(const LdapConnection&) = delete;
    LdapConnection& operator=(const LdapConnection&) = delete;
    virtual ~LdapConnection() = default;

    virtual std::expected<std::vector<LdapEntry>, LdapError> search(const LdapSearch& search) = 0;

    // Whether this is the password of the entry.  The connection is the entry's then, or nobody's.
    virtual std::expected<void, LdapError> bind(const std::string& dn,
                                                const std::string& password) = 0;
};

using OpenedLdap = std::expected<std::unique_ptr<LdapConnection>, LdapError>;

// What the open function of the plug-in returns.
class LdapDriver {
  public:
    virtual ~LdapDriver() = default;
    virtual OpenedLdap connect(const LdapOptions& options) const = 0;
    virtual bool is_url(const std::string& text) const = 0;
    // An LDAP URL as the search that it stands for (RFC 4516).  The server in it does not count.
    virtual std::expected<LdapSearch, LdapError> parse_url(const std::string& text) const = 0;
    // For messages: "ldap://host" and the scheme of a URL.
    virtual std::string scheme(const std::string& url) const = 0;
};

}  // namespace relais
