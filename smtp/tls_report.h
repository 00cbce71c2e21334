// Reports of how TLS went with domains that want to know (RFC 8460), to the collector of
// tlsrpt-reporter: a datagram of JSON for each TLS handshake, as libtlsrpt sends it.
#pragma once

#include <optional>
#include <string>

#include "lib/dns/resolver.h"
#include "lib/event/task.h"

#include "smtp/destination.h"
#include "smtp/tls_policy.h"

namespace relais::smtp_client {

// The result types of RFC 8460 4.3, with the collector's numbers.
enum class TlsResult {
    kStartTlsNotSupported = 201,
    kHostMismatch = 202,
    kNotTrusted = 203,
    kExpired = 204,
    kValidationFailure = 205,
    kStsFetchError = 301,
    kStsPolicyInvalid = 302,
    kStsWebpkiInvalid = 303,
    kTlsaInvalid = 304,
    kDnssecInvalid = 305,
    kDaneRequired = 306,
};

struct TlsFailure {
    TlsResult result = TlsResult::kValidationFailure;
    std::string reason;
};

// What a policy plug-in wants to be told instead, in place of what was found.
[[nodiscard]] TlsResult forced_result(const PublishedPolicy& policy, TlsResult found);

// A domain that publishes where reports about it go.
struct ReportTarget {
    std::string domain;
    std::string record;  // "v=TLSRPTv1; rua=..."
};

struct TlsReport {
    TlsPolicy policy;
    std::string own_address;  // may be empty, as the next three
    std::string server_name, server_address, server_ehlo;
    std::optional<TlsFailure> failure;
};

// The datagram.
[[nodiscard]] std::string report_text(const ReportTarget& target, const TlsReport& report);

class TlsReports {
  public:
    // `prefix` is "smtp" or "lmtp".  The resolver must outlive it.
    TlsReports(const Config& config, const std::string& prefix, Resolver& resolver);

    // Nothing when there is nobody who wants a report, or nobody who would send it.
    [[nodiscard]] Task<std::optional<ReportTarget>> find_target(const Destination* destination);

    // smtp_tlsrpt_skip_reused_handshakes
    bool skips_reused() const { return skip_reused_; }

    // Never waits; what cannot be sent is logged and lost.
    void send(const ReportTarget& target, const TlsReport& report) const;

  private:
    bool enabled_, skip_reused_;
    std::string socket_path_;
    Resolver& resolver_;
};

}  // namespace relais::smtp_client
