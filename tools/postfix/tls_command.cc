#include "tools/postfix/tls_command.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "tools/postfix/control.h"
#include "tools/postfix/server_keys.h"

namespace relais::postfix_command {

namespace {

constexpr std::array<std::string_view, 8> kClientSettings = {
    "smtp_use_tls",         "smtp_enforce_tls",       "smtp_tls_enforce_peername",
    "smtp_tls_cert_file",   "smtp_tls_dcert_file",    "smtp_tls_eccert_file",
    "smtp_tls_chain_files", "smtp_tls_security_level"};
constexpr std::array<std::string_view, 7> kServerSettings = {
    "smtpd_use_tls",           "smtpd_enforce_tls",     "smtpd_tls_cert_file",
    "smtpd_tls_dcert_file",    "smtpd_tls_eccert_file", "smtpd_tls_chain_files",
    "smtpd_tls_security_level"};

// What is set to its default was set on purpose.
bool all_default(const auto& names) {
    return std::ranges::all_of(names, [](std::string_view name) {
        const auto* setting = conf().setting(name);
        return setting == nullptr || setting->value.empty();
    });
}

// The options and the other arguments of a subcommand.
struct Arguments {
    std::string random_source;      // -r
    std::string algorithm = "rsa";  // -a
    std::string bits;               // -b
    std::string host;               // -h
    std::string key = "rsa";        // -k
    std::vector<std::string> others;
};

Arguments parse(const std::vector<std::string>& words, const char* letters, std::size_t most,
                std::string_view usage) {
    std::vector<std::string> copy(words.begin() + 1, words.end());
    std::vector<char*> argv;
    for (std::string& word : copy) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    int argc = static_cast<int>(copy.size());
    Arguments out;
    ::optind = 0;
    ::opterr = 0;
    for (int option; (option = ::getopt(argc, argv.data(), letters)) != -1;) {
        std::string* where = option == 'r'   ? &out.random_source
                             : option == 'a' ? &out.algorithm
                             : option == 'b' ? &out.bits
                             : option == 'h' ? &out.host
                             : option == 'k' ? &out.key
                                             : nullptr;
        if (where == nullptr) {
            refuse(format("usage: postfix tls {}", usage));
        }
        *where = ::optarg;
    }
    out.others.assign(argv.begin() + ::optind, argv.begin() + argc);
    if (out.others.size() > most) {
        refuse(format("usage: postfix tls {}", usage));
    }
    return out;
}

constexpr std::size_t kAnyNumber = 1000;

// They go into the settings of openssl, and to a shell with the advice.
std::vector<std::string> hosts_of(std::vector<std::string> names) {
    if (names.empty()) {
        names.push_back(conf().myhostname());
    }
    for (const std::string& name : names) {
        bool fits = !name.empty() && std::ranges::all_of(name, [](char c) {
            return is_alnum(c) || std::string_view("-._*").contains(c);
        });
        if (!fits) {
            refuse("bad hostname: " + printable(name));
        }
    }
    return names;
}

void set(std::vector<std::string> settings) {
    settings.insert(settings.begin(), {conf().command_directory() + "/postconf", "-e"});
    if (run_and_wait(settings) != 0) {
        refuse("cannot change the configuration in " + conf().config_directory());
    }
}

std::string random_source(const Arguments& given) {
    return "tls_random_source = " +
           (given.random_source.empty() ? conf().tls_random_source() : given.random_source);
}

void tell(std::initializer_list<std::string> lines) {
    for (const std::string& line : lines) {
        log_info("{}", line);
    }
}

void tell_to_reload() {
    tell({"Run the command:", "  # postfix reload",
          "if you want the new settings to take effect immediately."});
}

int all_default_client(const std::vector<std::string>& words) {
    static_cast<void>(parse(words, "+", 0, "all-default-client"));
    return all_default(kClientSettings) ? 0 : 1;
}

int all_default_server(const std::vector<std::string>& words) {
    static_cast<void>(parse(words, "+", 0, "all-default-server"));
    return all_default(kServerSettings) ? 0 : 1;
}

std::string session_cache(std::string_view directory) {
    return format("{}:{}/smtp_scache", conf().default_cache_db_type(), directory);
}

int enable_client(const std::vector<std::string>& words) {
    Arguments given = parse(words, "+r:", 0, "enable-client [-r devrandom]");
    if (!all_default(kClientSettings)) {
        tell({"*** Non-default SMTP client TLS settings detected, no changes made.",
              "For opportunistic TLS in the Postfix SMTP client, the below settings",
              "are typical:", "  smtp_tls_security_level = may", "  smtp_tls_loglevel = 1",
              "  smtp_tls_session_cache_database = " + session_cache("${data_directory}")});
        return 0;
    }
    set({random_source(given), "smtp_tls_security_level = may", "smtp_tls_loglevel = 1",
         "smtp_tls_session_cache_database = " + session_cache(conf().data_directory())});
    tell({"Enabled opportunistic TLS in the Postfix SMTP client."});
    tell_to_reload();
    return 0;
}

const KeyKind& kind_or_refuse(const std::string& name, std::string_view what) {
    const KeyKind* kind = find_key_kind(name);
    if (kind == nullptr) {
        refuse(format("Unsupported {} key algorithm: {}", what, name));
    }
    return *kind;
}

KeyFiles make(const Arguments& given, const KeyKind& kind, const std::string& old_key) {
    std::string bits = given.bits.empty() ? std::string(kind.default_bits) : given.bits;
    return make_key_and_certificate(kind, bits, old_key, hosts_of(given.others));
}

std::vector<std::string> settings_for(const KeyFiles& files) {
    return {format("{} = {}", files.kind->cert_parameter, files.cert),
            format("{} = {}", files.kind->key_parameter, files.key)};
}

int enable_server(const std::vector<std::string>& words) {
    Arguments given = parse(words, "+r:a:b:", kAnyNumber,
                            "enable-server [-r devrandom] [-a algorithm] [-b bits] [hostname ...]");
    if (!all_default(kServerSettings)) {
        tell({"*** Non-default SMTP server TLS settings detected, no changes made.",
              "For opportunistic TLS in the Postfix SMTP server, the below settings",
              "are typical:", "  smtpd_tls_security_level = may", "  smtpd_tls_loglevel = 1",
              "You can use \"postfix tls new-server-cert\" to create a new certificate.",
              "Or, \"postfix tls new-server-key\" to also force a new private key.",
              "With DANE TLSA records, see RFC 7671, sections 5 and 8."});
        return 0;
    }
    KeyFiles files = make(given, kind_or_refuse(given.algorithm, "private"), "");
    auto settings = settings_for(files);
    settings.insert(settings.end(), {random_source(given), "smtpd_tls_security_level = may",
                                     "smtpd_tls_loglevel = 1", "smtpd_tls_received_header = yes"});
    set(std::move(settings));
    tell({"Enabled opportunistic TLS in the Postfix SMTP server",
          "New TLS private key and certificate deployed."});
    tell_to_reload();
    tell({"To generate a CSR run:",
          format("  # postfix tls output-server-csr -k {} [<hostname> ...]", files.key),
          format("Save the signed certificate chain in {}.", files.cert),
          "To generate TLSA records run:",
          format("  # postfix tls output-server-tlsa [-h <hostname>] {}", files.key),
          "(If you have DANE TLSA RRs, update them as soon as possible to match",
          "the newly deployed keys)."});
    return 0;
}

void tell_how_to_deploy(const KeyFiles& files, bool new_key) {
    tell({"New private key and self-signed certificate created. To deploy run:",
          format("  # postfix tls deploy-server-cert {} {}", files.cert, files.key),
          "To generate a CSR run:",
          format("  # postfix tls output-server-csr -k {} [<hostname> ...]", files.key),
          format("Save the signed certificate chain in {}, and deploy as above.", files.cert),
          "To generate TLSA records run:",
          format("  # postfix tls output-server-tlsa [-h <hostname>] {}", files.key)});
    if (new_key) {
        tell({"(deploy after updating the DNS and waiting for stale RRs to expire)."});
    }
}

int new_server_key(const std::vector<std::string>& words) {
    Arguments given =
        parse(words, "+a:b:", kAnyNumber, "new-server-key [-a algorithm] [-b bits] [hostname ...]");
    tell_how_to_deploy(make(given, kind_or_refuse(given.algorithm, "public"), ""), true);
    return 0;
}

int new_server_cert(const std::vector<std::string>& words) {
    Arguments given = parse(words, "+a:b:", kAnyNumber,
                            "new-server-cert [-a algorithm] [-b bits] [hostname ...]");
    const KeyKind& kind = kind_or_refuse(given.algorithm, "private");
    std::string old_key = configured_key(kind);
    tell_how_to_deploy(make(given, kind, old_key), old_key.empty());
    return 0;
}

int deploy_server_cert(const std::vector<std::string>& words) {
    constexpr std::string_view kUsage = "deploy-server-cert certfile keyfile";
    Arguments given = parse(words, "+", 2, kUsage);
    if (given.others.size() != 2) {
        refuse(format("usage: postfix tls {}", kUsage));
    }
    std::string cert = in_config_directory(given.others[0]);
    std::string key = in_config_directory(given.others[1]);
    KeyFiles files{&kind_of_key_file(key), key, cert};
    require_matching_certificate(cert, key);
    set(settings_for(files));
    tell({"New TLS private key and certificate deployed."});
    tell_to_reload();
    return 0;
}

// A name of an algorithm stands for the key that is configured for it; "" where there is none.
std::string key_path(const std::string& name) {
    const KeyKind* kind = find_key_kind(name);
    return kind != nullptr ? configured_key(*kind) : in_config_directory(name);
}

int output_server_csr(const std::vector<std::string>& words) {
    Arguments given =
        parse(words, "+k:", kAnyNumber, "output-server-csr [-k keyfile] [hostname ...]");
    std::string key = key_path(given.key);
    if (key.empty() || ::access(key.c_str(), R_OK) != 0) {
        refuse("No usable keyfile specified or configured");
    }
    std::string request = certificate_request(key, hosts_of(given.others));
    std::fwrite(request.data(), 1, request.size(), stdout);
    return 0;
}

int output_server_tlsa(const std::vector<std::string>& words) {
    Arguments given =
        parse(words, "+h:", kAnyNumber, "output-server-tlsa [-h hostname] [keyfile ...]");
    auto names = given.others.empty() ? std::vector<std::string>{"rsa", "ecdsa"} : given.others;
    auto hosts = hosts_of(given.host.empty() ? std::vector<std::string>{}
                                             : std::vector<std::string>{given.host});
    bool any = false;
    for (const std::string& name : names) {
        std::string key = key_path(name);
        if (key.empty()) {
            continue;
        }
        any = true;
        std::printf("; %s\n", key.c_str());
        std::fflush(stdout);
        std::string digest = public_key_digest(key);
        std::printf("_25._tcp.%s. IN TLSA 3 1 1 %s\n", hosts.front().c_str(), digest.c_str());
    }
    if (!any) {
        refuse("No usable keyfiles specified or configured");
    }
    return 0;
}

using Subcommand = int (*)(const std::vector<std::string>& words);

constexpr std::pair<std::string_view, Subcommand> kSubcommands[] = {
    {"enable-client", enable_client},           {"enable-server", enable_server},
    {"new-server-key", new_server_key},         {"new-server-cert", new_server_cert},
    {"deploy-server-cert", deploy_server_cert}, {"output-server-csr", output_server_csr},
    {"output-server-tlsa", output_server_tlsa}, {"all-default-client", all_default_client},
    {"all-default-server", all_default_server},
};

}  // namespace

int manage_tls(const std::vector<std::string>& words) {
    open_script_log("postfix-tls-script");
    std::string name = words.size() > 1 ? words[1] : "";
    for (const auto& [known, run] : kSubcommands) {
        if (known == name) {
            return run(words);
        }
    }
    log_error("unknown tls command: '{}'", name);
    refuse(
        "usage: postfix tls enable-client (or enable-server, new-server-key, new-server-cert, "
        "deploy-server-cert, output-server-csr, output-server-tlsa, all-default-client, "
        "all-default-server)");
}

}  // namespace relais::postfix_command
