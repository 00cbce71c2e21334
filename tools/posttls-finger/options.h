// What posttls-finger is asked to do.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "lib/deliver/dane.h"
#include "lib/dns/host_lookup.h"
#include "lib/tls/tls_options.h"

namespace relais::finger {

// -L: what is told of TLS.
struct TlsTales {
    bool summary = false;    // the line "... TLS connection established ..."
    bool peercert = false;   // whose certificate it is, with fingerprints
    bool certmatch = false;  // which of its names was the wanted one
    bool cache = false;      // what became of an earlier session
    TlsLogLevel library = TlsLogLevel::kRoutine;
};

// -M: what TLSA records are worth where nobody signed the MX records.
enum class InsecureMx { kMay, kEncrypt, kDane };

enum class Preference { kAny, kIpv4, kIpv6 };

struct Options {
    std::vector<std::string> settings;                    // -o
    bool chats = true;                                    // not with -c
    bool shows_chain = false;                             // -C
    bool lmtp = false;                                    // -S
    bool wrapped = false;                                 // -w
    bool asks_srv = false;                                // -R
    bool proxied = false;                                 // -X
    Preference family = Preference::kAny;                 // -a
    std::vector<HostSource> host_lookup;                  // -h
    std::chrono::seconds connect_timeout{30};             // -t
    std::chrono::seconds command_timeout{30};             // -T
    std::chrono::seconds reconnect_delay{0};              // -r; 0: never
    int most_reconnects = 5;                              // -m
    TlsTales tales;                                       // -L
    TlsLevel level = TlsLevel::kDane;                     // -l
    InsecureMx insecure_mx = InsecureMx::kDane;           // -M
    InsecureHosts insecure_hosts = InsecureHosts::kSkip;  // -f
    std::vector<TlsaRecord> trust_anchors;                // -A
    std::string digest;                                   // -d; empty: as configured
    std::string cipher_grade = "medium";                  // -g
    std::string protocols = ">=TLSv1";                    // -p
    std::string ca_file, ca_path;                         // -F, -P
    std::string server_name;                              // -s
    TlsCertificateFiles certificates;                     // -H, -k, -K
    std::string destination;
    std::vector<std::string> match;
};

// From here on messages go to standard output.  Ends the process where the options make no sense.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace relais::finger
