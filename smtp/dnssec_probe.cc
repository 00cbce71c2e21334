#include "smtp/dnssec_probe.h"

#include <algorithm>
#include <array>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::smtp_client {

namespace {

std::optional<DnsType> type_named(std::string_view word) {
    static constexpr std::array kTypes{DnsType::kA,    DnsType::kNs,  DnsType::kCname,
                                       DnsType::kPtr,  DnsType::kMx,  DnsType::kTxt,
                                       DnsType::kAaaa, DnsType::kTlsa};
    const auto found = std::ranges::find_if(
        kTypes, [&](DnsType type) { return iequals(dns_type_name(type), word); });
    return found == kTypes.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

DnssecProbe::DnssecProbe(const Config& config, const Settings& settings, Resolver& resolver)
    : parameter_(config.dnssec_probe()), resolver_(resolver) {
    const auto& sources = settings.host_lookup;
    done_ = settings.dns_support != DnsSupport::kDnssec || parameter_.empty() ||
            std::ranges::find(sources, HostSource::kDns) == sources.end();
    if (done_) {
        return;
    }
    const auto colon = std::min(parameter_.find(':'), parameter_.size());
    const auto type = type_named(std::string_view(parameter_).substr(0, colon));
    if (!type || colon + 1 >= parameter_.size()) {
        log_fatal("malformed dnssec_probe value: {} format is qtype:qname", parameter_);
    }
    type_ = *type;
    name_ = parameter_.substr(colon + 1);
}

Task<void> DnssecProbe::look_at(const ServerList* list) {
    if (done_ || list->servers.empty()) {
        co_return;
    }
    done_ = true;
    const bool validated =
        (list->mx && list->mx->secure) ||
        std::ranges::any_of(list->servers, [](const ServerAddress& one) { return one.secure; });
    if (validated) {
        co_return;
    }
    const DnsAnswer answer = co_await resolver_.lookup(name_, type_, DnsValidation::kWanted);
    if (answer.status == DnsStatus::kTemporary || answer.status == DnsStatus::kFailed) {
        log_warning("DNSSEC validation may be unavailable");
        log_warning("reason: dnssec_probe '{}' received no response: {}", parameter_,
                    answer.reason);
    } else if (!answer.authentic) {
        log_warning("DNSSEC validation may be unavailable");
        log_warning("reason: dnssec_probe '{}' received a response that is not DNSSEC validated",
                    parameter_);
    }
}

}  // namespace relais::smtp_client
