// The second list of a request to tlsproxy(8) in the client's role, from a delivery agent, and the
// list that comes back after the handshake.  The settings travel with the request, as Postfix 3.7
// to 3.11 send them; names that are of other releases are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/ipc/attr.h"

namespace relais {

// A TLSA record, or a trust anchor in the form of one.
struct TlsproxyTlsa {
    std::uint32_t usage = 0, selector = 0, matching = 0;
    std::string data;
};

struct TlsproxyClientList {
    // What holds for the whole process that asks.
    std::string high_ciphers, medium_ciphers, null_ciphers, auto_curves, ssl_options, workarounds;
    bool append_default_ca = false, many_wildcard_labels = false;
    // Certificates and authorities.
    std::string log_param, log_level, chain_files, cert_file, key_file, dcert_file, dkey_file,
        eccert_file, eckey_file, ca_file, ca_path, digest;
    std::uint32_t verify_depth = 9;
    // This connection.
    std::uint32_t timeout = 0;
    std::int32_t level = 0;  // Postfix's number
    std::string peer, server_name, server_id, protocols, cipher_grade, exclude_ciphers;
    std::string cache_type;           // "smtp", "lmtp": sessions may go on; else none does
    std::string nexthop, host, helo;  // for Postfix; not read here
    std::vector<std::string> match;
    bool dane = false;
    std::string dane_domain;  // where the records are from
    std::vector<TlsproxyTlsa> dane_records;
};

// The settings of a process of this main.cf; `prefix` is "smtp" or "lmtp".  What is about the
// connection is left to the caller.
[[nodiscard]] TlsproxyClientList tlsproxy_settings(const Config& config, const std::string& prefix);

// With all that Postfix's tlsproxy wants to hear, in its order.
[[nodiscard]] std::string format_tlsproxy_client_list(const Config& config,
                                                      const TlsproxyClientList& list);

[[nodiscard]] Result<TlsproxyClientList> parse_tlsproxy_client_list(const Attributes& attributes);

// What the handshake came to.  `status` bits: 1 a certificate came, 4 it is trusted, 8 it matches,
// 16 so securely.
struct TlsproxyKey {
    std::string name, curve, digest;
    int bits = 0;
};

struct TlsproxyContext {
    std::string peer_cn, issuer_cn, fingerprint, key_fingerprint;
    std::int32_t level = 0;
    std::uint32_t status = 0;
    std::string protocol, cipher;
    int cipher_bits_used = 0, cipher_bits = 0;
    TlsproxyKey exchange, client_signature, server_signature;
    std::string peer;
};

[[nodiscard]] std::string format_tlsproxy_context(const TlsproxyContext& context);
[[nodiscard]] Result<TlsproxyContext> parse_tlsproxy_context(const Attributes& attributes);

}  // namespace relais
