// Fuzz target: the answers of policy plug-ins (smtp_tls_policy_maps) and what a report makes of
// them, TLSA records as a name server sends them, and PEM files of trust anchors.
#include "smtp/tls_policy.cc"  // NOLINT

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/config/config.h"
#include "lib/deliver/dane.h"
#include "lib/dns/dns_message.h"
#include "lib/tls/trust_anchors.h"

#include "smtp/policy_attributes.cc"  // NOLINT
#include "smtp/tls_report.cc"         // NOLINT

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace relais;
    using namespace relais::smtp_client;
    static const bool quiet = [] {
        LogOptions options;
        options.to_syslog = false;
        log_open(options);
        return true;
    }();
    static_cast<void>(quiet);
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    static const Config config = Config::from_text("");
    static const TlsPolicies policies(config, "smtp");
    if (auto policy = policies.parse(bytes, "example.com")) {
        TlsReport report;
        report.policy = std::move(*policy);
        report.failure = TlsFailure{TlsResult::kExpired, bytes};
        const std::string text = report_text({bytes, bytes}, report);
        // One line of JSON, whatever was told.
        for (const char c : text) {
            if (static_cast<unsigned char>(c) < 0x20) {
                std::abort();
            }
        }
    }
    if (auto message = parse_dns_message(bytes)) {
        DnsAnswer answer;
        answer.status = DnsStatus::kFound;
        answer.authentic = true;
        answer.records = std::move(message->answers);
        for (const auto& record : usable_tlsa(answer, "_25._tcp.example.com").records) {
            if (record.data.empty() || (record.usage != 2 && record.usage != 3)) {
                std::abort();
            }
        }
    }
    static_cast<void>(parse_trust_anchors(bytes, "file"));
    return 0;
}
