// The client side of ldap: tables, over OpenLDAP's library.
#include <memory>

#include <ldap.h>
#include <sasl/sasl.h>

#include "lib/maps/databases/ldap_client.h"

namespace {

using namespace relais;

struct Unbind {
    void operator()(LDAP* handle) const { ::ldap_unbind_ext_s(handle, nullptr, nullptr); }
};

struct FreeMessage {
    void operator()(LDAPMessage* message) const { ::ldap_msgfree(message); }
};

struct FreeUrl {
    void operator()(LDAPURLDesc* url) const { ::ldap_free_urldesc(url); }
};

struct FreeMemory {
    void operator()(char* memory) const { ::ldap_memfree(memory); }
};

using Handle = std::unique_ptr<LDAP, Unbind>;
using Message = std::unique_ptr<LDAPMessage, FreeMessage>;
using Text = std::unique_ptr<char, FreeMemory>;

constexpr int kSizeLimitOfHandle = -1;

LdapError error_of(int code) {
    LdapError error;
    error.code = code;
    error.text = ::ldap_err2string(code);
    switch (code) {
        case LDAP_NO_SUCH_OBJECT:
            error.kind = LdapError::Kind::kNoSuchObject;
            break;
        case LDAP_INVALID_CREDENTIALS:
            error.kind = LdapError::Kind::kWrongPassword;
            break;
        case LDAP_SERVER_DOWN:
        case LDAP_TIMEOUT:
        case LDAP_UNAVAILABLE:
        case LDAP_CONNECT_ERROR:
        case LDAP_LOCAL_ERROR:
            error.kind = LdapError::Kind::kLost;
            break;
        default:
            break;
    }
    return error;
}

std::unexpected<LdapError> failure(int code) {
    return std::unexpected(error_of(code));
}

std::unexpected<LdapError> failure_of(int code, std::string_view where, std::string action) {
    LdapError error = error_of(code);
    error.where = where;
    error.action = std::move(action);
    return std::unexpected(error);
}

timeval seconds(std::chrono::seconds time) {
    return {.tv_sec = time.count(), .tv_usec = 0};
}

int to_library(LdapScope scope) {
    switch (scope) {
        case LdapScope::kBase:
            return LDAP_SCOPE_BASE;
        case LdapScope::kOneLevel:
            return LDAP_SCOPE_ONELEVEL;
        case LdapScope::kSubtree:
            break;
    }
    return LDAP_SCOPE_SUBTREE;
}

// Waits for all of the answer to a request, and returns what it says.
int await_answer(LDAP* handle, int id, std::chrono::seconds timeout, Message& answer) {
    timeval limit = seconds(timeout);
    LDAPMessage* result = nullptr;
    int type = ::ldap_result(handle, id, LDAP_MSG_ALL, &limit, &result);
    answer.reset(result);
    int told = LDAP_SERVER_DOWN;
    if (type == 0) {
        ::ldap_abandon_ext(handle, id, nullptr, nullptr);
        return LDAP_TIMEOUT;
    }
    if (type < 0) {
        ::ldap_get_option(handle, LDAP_OPT_RESULT_CODE, &told);
        return told;
    }
    int code = ::ldap_parse_result(handle, result, &told, nullptr, nullptr, nullptr, nullptr, 0);
    return code == LDAP_SUCCESS ? told : code;
}

// The wait for the answer of a simple bind has an end of its own.
int bind_simply(LDAP* handle, const std::string& dn, const std::string& password,
                std::chrono::seconds timeout) {
    berval secret = {password.size(), const_cast<char*>(password.c_str())};
    int id = 0;
    int code =
        ::ldap_sasl_bind(handle, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr, nullptr, &id);
    if (code != LDAP_SUCCESS) {
        return code;
    }
    Message result;
    return await_answer(handle, id, timeout, result);
}

class OpenLdapConnection : public LdapConnection {
  public:
    OpenLdapConnection(Handle handle, std::chrono::seconds timeout)
        : handle_(std::move(handle)), timeout_(timeout) {}

    std::expected<std::vector<LdapEntry>, LdapError> search(const LdapSearch& search) override;

    std::expected<void, LdapError> bind(const std::string& dn,
                                        const std::string& password) override {
        int code = bind_simply(handle_.get(), dn, password, timeout_);
        if (code != LDAP_SUCCESS) {
            return failure(code);
        }
        return {};
    }

  private:
    LdapEntry read_entry(LDAPMessage* message);

    Handle handle_;
    std::chrono::seconds timeout_;
};

LdapEntry OpenLdapConnection::read_entry(LDAPMessage* message) {
    LdapEntry entry;
    if (Text dn{::ldap_get_dn(handle_.get(), message)}) {
        entry.dn = dn.get();
    }
    BerElement* position = nullptr;
    for (Text name{::ldap_first_attribute(handle_.get(), message, &position)}; name;
         name.reset(::ldap_next_attribute(handle_.get(), message, position))) {
        LdapAttribute attribute{name.get(), {}};
        berval** values = ::ldap_get_values_len(handle_.get(), message, name.get());
        for (int i = 0; i < ::ldap_count_values_len(values); ++i) {
            attribute.values.emplace_back(values[i]->bv_val, values[i]->bv_len);
        }
        if (values != nullptr) {
            ::ldap_value_free_len(values);
        }
        entry.attributes.push_back(std::move(attribute));
    }
    ::ber_free(position, 0);
    return entry;
}

std::expected<std::vector<LdapEntry>, LdapError> OpenLdapConnection::search(
    const LdapSearch& search) {
    std::vector<char*> names;
    for (const std::string& name : search.attributes) {
        names.push_back(const_cast<char*>(name.c_str()));
    }
    names.push_back(nullptr);
    timeval limit = seconds(timeout_);
    int id = 0;
    int code = ::ldap_search_ext(handle_.get(), search.base.c_str(), to_library(search.scope),
                                 search.filter.c_str(), names.data(), 0, nullptr, nullptr, &limit,
                                 kSizeLimitOfHandle, &id);
    if (code != LDAP_SUCCESS) {
        return failure(code);
    }
    Message result;
    code = await_answer(handle_.get(), id, timeout_, result);
    if (code != LDAP_SUCCESS) {
        return failure(code);
    }
    std::vector<LdapEntry> entries;
    for (LDAPMessage* message = ::ldap_first_entry(handle_.get(), result.get()); message != nullptr;
         message = ::ldap_next_entry(handle_.get(), message)) {
        entries.push_back(read_entry(message));
    }
    return entries;
}

class OpenLdapDriver : public LdapDriver {
  public:
    OpenedLdap connect(const LdapOptions& options) const override;

    bool is_url(const std::string& text) const override {
        return ::ldap_is_ldap_url(text.c_str()) != 0;
    }

    std::expected<LdapSearch, LdapError> parse_url(const std::string& text) const override;
    std::string scheme(const std::string& url) const override;
};

std::unique_ptr<LDAPURLDesc, FreeUrl> parse(const std::string& text, int& code) {
    LDAPURLDesc* parsed = nullptr;
    code = ::ldap_url_parse(text.c_str(), &parsed);
    return std::unique_ptr<LDAPURLDesc, FreeUrl>(code == LDAP_URL_SUCCESS ? parsed : nullptr);
}

std::string OpenLdapDriver::scheme(const std::string& url) const {
    int code = 0;
    auto parsed = parse(url, code);
    return parsed ? parsed->lud_scheme : "";
}

std::expected<LdapSearch, LdapError> OpenLdapDriver::parse_url(const std::string& text) const {
    int code = 0;
    auto parsed = parse(text, code);
    if (!parsed) {
        return std::unexpected(LdapError{LdapError::Kind::kOther, code, "malformed URL"});
    }
    LdapSearch search;
    search.base = parsed->lud_dn == nullptr ? "" : parsed->lud_dn;
    search.scope = parsed->lud_scope == LDAP_SCOPE_SUBTREE    ? LdapScope::kSubtree
                   : parsed->lud_scope == LDAP_SCOPE_ONELEVEL ? LdapScope::kOneLevel
                                                              : LdapScope::kBase;
    search.filter = parsed->lud_filter == nullptr ? "objectclass=*" : parsed->lud_filter;
    for (char** name = parsed->lud_attrs; name != nullptr && *name != nullptr; ++name) {
        search.attributes.emplace_back(*name);
    }
    return search;
}

// Sets one option of the library; the first that it refuses is the error.
class OptionSetter {
  public:
    explicit OptionSetter(LDAP* handle) : handle_(handle) {}

    void set(int option, const void* value, const std::string& action,
             std::string_view where = "dict_ldap_connect") {
        int code = ::ldap_set_option(handle_, option, value);
        if (code != LDAP_OPT_SUCCESS && result_) {
            result_ = failure_of(code, where, action);
        }
    }

    void tls(int option, const std::string& value, const std::string& name) {
        if (!value.empty()) {
            set(option, value.c_str(), "set " + name + " to " + value + ":", kTls);
        }
    }

    static constexpr std::string_view kTls = "dict_ldap_set_tls_options";

    const std::expected<void, LdapError>& result() const { return result_; }

  private:
    LDAP* handle_;
    std::expected<void, LdapError> result_;
};

void set_tls(OptionSetter& setter, const LdapOptions& options) {
    setter.tls(LDAP_OPT_X_TLS_RANDOM_FILE, options.tls_random_file, "tls_random_file");
    setter.tls(LDAP_OPT_X_TLS_CACERTFILE, options.tls_ca_file, "tls_ca_cert_file");
    setter.tls(LDAP_OPT_X_TLS_CACERTDIR, options.tls_ca_directory, "tls_ca_cert_dir");
    setter.tls(LDAP_OPT_X_TLS_CERTFILE, options.tls_certificate, "tls_cert");
    setter.tls(LDAP_OPT_X_TLS_KEYFILE, options.tls_key, "tls_key");
    setter.tls(LDAP_OPT_X_TLS_CIPHER_SUITE, options.tls_ciphers, "tls_cipher_suite");
    int demand = options.tls_require_certificate ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
    setter.set(LDAP_OPT_X_TLS_REQUIRE_CERT, &demand,
               "set tls_require_cert to " + std::to_string(demand) + ":", OptionSetter::kTls);
    int client = 0;
    setter.set(LDAP_OPT_X_TLS_NEWCTX, &client, "allocate new TLS context", OptionSetter::kTls);
}

std::expected<void, LdapError> set_options(LDAP* handle, const LdapOptions& options) {
    OptionSetter setter(handle);
    timeval limit = seconds(options.timeout);
    setter.set(LDAP_OPT_NETWORK_TIMEOUT, &limit, "set network timeout:");
    setter.set(LDAP_OPT_TIMEOUT, &limit, "set timeout:");
    setter.set(LDAP_OPT_PROTOCOL_VERSION, &options.version, "set LDAP protocol version:");
    int most = static_cast<int>(options.size_limit);
    setter.set(LDAP_OPT_SIZELIMIT, &most, "set query result size limit:");
    setter.set(LDAP_OPT_DEREF, &options.dereference, "set dereference option:");
    setter.set(LDAP_OPT_REFERRALS, options.chase_referrals ? LDAP_OPT_ON : LDAP_OPT_OFF,
               "set Referral chasing:");
    if (options.debug_level > 0) {
        int level = static_cast<int>(options.debug_level);
        ::ldap_set_option(nullptr, LDAP_OPT_DEBUG_LEVEL, &level);
    }
    if (options.start_tls || options.servers.contains("ldaps://")) {
        set_tls(setter, options);
    }
    return setter.result();
}

// What SASL asks during a bind, answered from the settings.
int answer_sasl(LDAP* /*handle*/, unsigned /*flags*/, void* defaults, void* asked) {
    const auto* options = static_cast<const LdapOptions*>(defaults);
    for (auto* each = static_cast<sasl_interact_t*>(asked); each->id != SASL_CB_LIST_END; ++each) {
        const std::string* answer = nullptr;
        switch (each->id) {
            case SASL_CB_AUTHNAME:
                answer = &options->bind_dn;
                break;
            case SASL_CB_PASS:
                answer = &options->bind_password;
                break;
            case SASL_CB_GETREALM:
                answer = &options->sasl_realm;
                break;
            case SASL_CB_USER:
                answer = &options->sasl_authorization;
                break;
            default:
                continue;
        }
        each->result = answer->c_str();
        each->len = static_cast<unsigned>(answer->size());
    }
    return LDAP_SUCCESS;
}

int bind_with_sasl(LDAP* handle, const LdapOptions& options) {
    if (options.sasl_least_strength > 0) {
        std::string properties = "minssf=" + std::to_string(options.sasl_least_strength);
        int code = ::ldap_set_option(handle, LDAP_OPT_X_SASL_SECPROPS, properties.c_str());
        if (code != LDAP_OPT_SUCCESS) {
            return code;
        }
    }
    const char* mechanisms =
        options.sasl_mechanisms.empty() ? nullptr : options.sasl_mechanisms.c_str();
    return ::ldap_sasl_interactive_bind_s(handle, nullptr, mechanisms, nullptr, nullptr,
                                          LDAP_SASL_QUIET, answer_sasl,
                                          const_cast<LdapOptions*>(&options));
}

OpenedLdap OpenLdapDriver::connect(const LdapOptions& options) const {
    LDAP* opened = nullptr;
    int code = ::ldap_initialize(&opened, options.servers.c_str());
    Handle handle(opened);
    if (code != LDAP_SUCCESS) {
        return failure_of(code, "dict_ldap_connect", "init LDAP server:");
    }
    if (auto set = set_options(handle.get(), options); !set) {
        return std::unexpected(set.error());
    }
    if (options.start_tls) {
        code = ::ldap_start_tls_s(handle.get(), nullptr, nullptr);
        if (code != LDAP_SUCCESS) {
            return failure_of(code, "dict_ldap_connect", "set STARTTLS:");
        }
    }
    code = options.bind == LdapBind::kSasl ? bind_with_sasl(handle.get(), options)
           : options.bind == LdapBind::kSimple
               ? bind_simply(handle.get(), options.bind_dn, options.bind_password, options.timeout)
               : LDAP_SUCCESS;
    if (code != LDAP_SUCCESS) {
        return failure(code);
    }
    return std::make_unique<OpenLdapConnection>(std::move(handle), options.timeout);
}

}  // namespace

extern "C" {
extern const char relais_plugin[];
const char relais_plugin[] = "relais-ldap-4";
const relais::LdapDriver* dict_ldap_open();

const relais::LdapDriver* dict_ldap_open() {
    static const OpenLdapDriver driver;
    return &driver;
}
}
