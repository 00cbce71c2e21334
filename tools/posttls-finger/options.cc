#include "tools/posttls-finger/options.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/load/endpoint.h"
#include "lib/tls/trust_anchors.h"

namespace relais::finger {

namespace {

constexpr const char* kOptions = "+a:A:cCd:fF:g:h:H:k:K:l:L:m:M:o:p:P:r:Rs:St:T:vwX";

// Messages go to standard output; this is none.
int usage_descriptor = STDERR_FILENO;

[[noreturn]] void usage() {
    ::dprintf(usage_descriptor,
              "usage: posttls-finger [-acCfRSvwX] [-t conn_tmout] [-T cmd_tmout] [-L logopts] \\\n"
              "\t[-h host_lookup] [-l level] [-d mdalg] [-g grade] [-p protocols] \\\n"
              "\t[-A tafile] [-F CAfile.pem] [-P CApath/] [-s servername] \\\n"
              "\t[ [-H chainfiles] | [-k certfile [-K keyfile]] ] \\\n"
              "\t[-m count] [-M insecure_mx_policy] [-r delay] [-o name=value] \\\n"
              "\tdestination [match ...]\n");
    std::exit(1);
}

std::chrono::seconds seconds(int option, int least) {
    int value = load::number_option(::optarg, least);
    if (value < least) {
        log_fatal("bad '-{}' option value: {}", static_cast<char>(option), ::optarg);
    }
    return std::chrono::seconds(value);
}

Preference preference(std::string_view word) {
    if (word == "any") {
        return Preference::kAny;
    }
    if (word == "ipv4") {
        return Preference::kIpv4;
    }
    if (word != "ipv6") {
        log_fatal("bad '-a' option value: {}", word);
    }
    return Preference::kIpv6;
}

std::vector<HostSource> host_lookup(std::string_view text) {
    std::vector<HostSource> out;
    for (auto word : split_words(text, ", \t\r\n")) {
        if (iequals(word, "dns")) {
            out.push_back(HostSource::kDns);
        } else if (iequals(word, "native")) {
            out.push_back(HostSource::kNative);
        } else {
            log_fatal("unknown -h option value \"{}\" in \"{}\"", word, text);
        }
    }
    return out;
}

void deepen(TlsTales& tales, TlsLogLevel level) {
    tales.library = std::max(tales.library, level);
}

void add_debug(TlsTales& tales) {
    tales.summary = tales.peercert = tales.certmatch = tales.cache = true;
    deepen(tales, TlsLogLevel::kVerbose);
}

bool take_tale(std::string_view word, TlsTales& tales) {
    if (word == "0" || word == "none" || word == "untrusted") {
        // What is wrong with a certificate is always told.
    } else if (word == "1" || word == "routine" || word == "summary") {
        tales.summary = true;
    } else if (word == "peercert") {
        tales.peercert = true;
    } else if (word == "certmatch") {
        tales.peercert = tales.certmatch = true;
    } else if (word == "cache") {
        tales.cache = true;
    } else if (word == "2" || word == "debug" || word == "verbose") {
        add_debug(tales);
    } else if (word == "ssl-debug") {
        deepen(tales, TlsLogLevel::kVerbose);
    } else if (word == "3" || word == "ssl-expert") {
        add_debug(tales);
        deepen(tales, TlsLogLevel::kDump);
    } else if (word == "ssl-handshake-packet-dump") {
        deepen(tales, TlsLogLevel::kDump);
    } else if (word == "4" || word == "ssl-developer") {
        add_debug(tales);
        deepen(tales, TlsLogLevel::kDumpAll);
    } else if (word == "ssl-session-packet-dump") {
        deepen(tales, TlsLogLevel::kDumpAll);
    } else {
        return false;
    }
    return true;
}

TlsTales tales_of(std::string_view text) {
    TlsTales tales;
    for (auto word : split_words(text, ", \t\r\n")) {
        if (!take_tale(lowercase(word), tales)) {
            log_warning("unknown -L option value \"{}\" in \"{}\"", word, text);
        }
    }
    return tales;
}

TlsLevel level_of(std::string_view word) {
    auto level = parse_tls_level(lowercase(word));
    if (!level) {
        log_fatal("Invalid TLS level \"{}\"", word);
    }
    return *level;
}

void add_chain_files(Options& options) {
    for (auto word : split_words(::optarg, ", \t\r\n")) {
        options.certificates.chain_files.emplace_back(word);
    }
}

void add_trust_anchors(Options& options) {
    auto read = read_trust_anchors(::optarg);
    if (!read) {
        log_fatal("{}", read.error().message);
    }
    auto& all = options.trust_anchors;
    all.insert(all.end(), read->begin(), read->end());
}

InsecureMx insecure_mx(std::string_view word) {
    if (word == "may") {
        return InsecureMx::kMay;
    }
    if (word == "encrypt") {
        return InsecureMx::kEncrypt;
    }
    if (word != "dane") {
        log_fatal("bad '-M' option value: {}", word);
    }
    return InsecureMx::kDane;
}

bool take_trust_option(int option, Options& options) {
    switch (option) {
        case 'A':
            add_trust_anchors(options);
            return true;
        case 'f':
            options.insecure_hosts = InsecureHosts::kAsk;
            return true;
        case 'M':
            options.insecure_mx = insecure_mx(::optarg);
            return true;
        default:
            return false;
    }
}

bool take_tls_option(int option, Options& options) {
    switch (option) {
        case 'C':
            options.shows_chain = true;
            return true;
        case 'd':
            options.digest = ::optarg;
            return true;
        case 'F':
            options.ca_file = ::optarg;
            return true;
        case 'g':
            options.cipher_grade = ::optarg;
            return true;
        case 'H':
            add_chain_files(options);
            return true;
        case 'k':
            options.certificates.cert_file = ::optarg;
            return true;
        case 'K':
            options.certificates.key_file = ::optarg;
            return true;
        case 'l':
            options.level = level_of(::optarg);
            return true;
        case 'L':
            options.tales = tales_of(::optarg);
            return true;
        case 'p':
            options.protocols = ::optarg;
            return true;
        case 'P':
            options.ca_path = ::optarg;
            return true;
        case 's':
            options.server_name = ::optarg;
            return true;
        case 'w':
            options.wrapped = true;
            return true;
        case 'X':
            options.proxied = true;
            return true;
        default:
            return false;
    }
}

bool take_connection_option(int option, Options& options) {
    switch (option) {
        case 'a':
            options.family = preference(::optarg);
            return true;
        case 'c':
            options.chats = false;
            return true;
        case 'h':
            options.host_lookup = host_lookup(::optarg);
            return true;
        case 'm':
            options.most_reconnects = load::number_option(::optarg, 0);
            return true;
        case 'o':
            if (!std::string_view(::optarg).contains('=')) {
                usage();
            }
            options.settings.emplace_back(::optarg);
            return true;
        case 'r':
            options.reconnect_delay = std::chrono::seconds(load::number_option(::optarg, 1));
            return true;
        case 'R':
            options.asks_srv = true;
            return true;
        case 'S':
            options.lmtp = true;
            return true;
        case 't':
            options.connect_timeout = seconds(option, 1);
            return true;
        case 'T':
            options.command_timeout = seconds(option, 1);
            return true;
        default:
            return false;
    }
}

bool is_fingerprint(std::string_view text) {
    std::string digits(text);
    std::erase(digits, ':');
    return !digits.empty() && hex_decode(digits).has_value();
}

// What the arguments behind the destination are good for at this level.
void check_match(Options& options) {
    if (options.level <= TlsLevel::kEncrypt && !options.match.empty()) {
        log_warning("TLS level '{}' does not implement certificate matching",
                    tls_level_name(options.level));
    }
    if (options.level != TlsLevel::kFingerprint) {
        return;
    }
    std::erase_if(options.match, [](const std::string& word) {
        const bool malformed = !is_fingerprint(word);
        if (malformed) {
            log_warning("malformed fingerprint value: {}", word);
        }
        return malformed;
    });
    if (options.match.empty()) {
        options.level = TlsLevel::kSecure;  // nothing to compare with
    }
}

void complete(Options& options) {
    TlsCertificateFiles& own = options.certificates;
    if (!own.chain_files.empty() && !(own.cert_file.empty() && own.key_file.empty())) {
        log_fatal(
            "When the '-H' option is used, neither the '-k', nor the '-K' options may be used");
    }
    // One that is not there is the other; both are read like the files of -H.
    for (const std::string& file : {own.key_file, own.cert_file}) {
        if (!file.empty()) {
            own.chain_files.push_back(file);
        }
    }
    if (own.key_file == own.cert_file && own.chain_files.size() == 2) {
        own.chain_files.pop_back();
    }
    own.key_file.clear();
    own.cert_file.clear();
    if (options.proxied && options.reconnect_delay.count() > 0) {
        log_fatal("The -X and -r options are mutually exclusive");
    }
    check_match(options);
    if (options.host_lookup.empty()) {
        options.host_lookup.push_back(HostSource::kDns);
    }
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    options.tales = tales_of("routine,certmatch");
    int verbose = 0;
    ::opterr = 0;
    usage_descriptor = ::dup(STDERR_FILENO);
    if (usage_descriptor < 0 || ::dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
        log_fatal("dup: {}", std::strerror(errno));
    }
    for (int option; (option = ::getopt(argc, argv, kOptions)) != -1;) {
        if (option == '?') {
            ::dprintf(usage_descriptor, "posttls-finger: %s -- '%c'\n",
                      std::string_view(kOptions).contains(static_cast<char>(::optopt))
                          ? "option requires an argument"
                          : "invalid option",
                      ::optopt);
            usage();
        }
        if (option == 'v') {
            set_log_verbose(++verbose);
        } else if (!take_tls_option(option, options) && !take_trust_option(option, options) &&
                   !take_connection_option(option, options)) {
            usage();
        }
    }
    if (::optind == argc) {
        usage();
    }
    options.destination = argv[::optind];
    options.match.assign(argv + ::optind + 1, argv + argc);
    complete(options);
    return options;
}

}  // namespace relais::finger
