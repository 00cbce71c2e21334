#include "smtp/tls_report.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/format.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/base/unique_fd.h"
#include "lib/mail/hostname.h"

namespace relais::smtp_client {

namespace {

// Of libtlsrpt.
enum class PolicyType { kTlsa = 1, kSts = 2, kNone = 9 };

// What a server has said may be anything.
std::string clean(std::string_view text) {
    constexpr std::size_t kMost = 1000;
    return printable(text.substr(0, kMost));
}

void add(std::string& out, std::string_view name, std::string_view value) {
    if (!value.empty()) {
        out +=
            format("{}\"{}\":{}", out.ends_with('{') ? "" : ",", name, json_string(clean(value)));
    }
}

void add_list(std::string& out, std::string_view name, const std::vector<std::string>& values) {
    std::string list;
    for (const auto& value : values) {
        list += (list.empty() ? "" : ",") + json_string(clean(value));
    }
    if (!list.empty()) {
        out += format(",\"{}\":[{}]", name, list);
    }
}

std::string whole_text(const TlsaRecord& record) {
    std::string text = format("{} {} {} ", record.usage, record.selector, record.matching);
    for (const char byte : record.data) {
        text += format("{:02x}", static_cast<unsigned char>(byte));
    }
    return text;
}

std::string policy_text(const ReportTarget& target, const TlsPolicy& policy) {
    const auto& published = policy.published;
    std::vector<std::string> strings = published.strings;
    std::string domain = published.domain.empty() ? target.domain : published.domain;
    auto type = published.type == "sts" ? PolicyType::kSts : PolicyType::kNone;
    if (!policy.dane_names.empty()) {
        type = PolicyType::kTlsa;
        domain = policy.dane_names.front();
        strings.clear();
        for (const auto& record : policy.tlsa) {
            strings.push_back(whole_text(record));
        }
    }
    std::string out = format("{{\"policy-type\":{}", static_cast<int>(type));
    add(out, "policy-domain", domain);
    add_list(out, "policy-string", strings);
    if (type == PolicyType::kSts) {
        add_list(out, "mx-host", published.mx_patterns);
    }
    return out;
}

std::string failure_text(const TlsReport& report) {
    std::string out = format("{{\"c\":{}", static_cast<int>(report.failure->result));
    add(out, "s", report.own_address);
    add(out, "n", report.server_name);
    add(out, "h", report.server_ehlo);
    add(out, "r", report.server_address);
    add(out, "f", report.failure->reason);
    return out + "}";
}

}  // namespace

TlsResult forced_result(const PublishedPolicy& policy, TlsResult found) {
    if (policy.failure == "sts-policy-fetch-error") {
        return TlsResult::kStsFetchError;
    }
    if (policy.failure == "sts-policy-invalid") {
        return TlsResult::kStsPolicyInvalid;
    }
    return policy.failure == "sts-webpki-invalid" ? TlsResult::kStsWebpkiInvalid : found;
}

std::string report_text(const ReportTarget& target, const TlsReport& report) {
    std::string out = "{\"dpv\":\"1\"";
    add(out, "d", target.domain);
    add(out, "pr", target.record);
    out += ",\"policies\":[" + policy_text(target, report.policy);
    if (report.failure) {
        out += ",\"failure-details\":[" + failure_text(report) + "]";
    }
    const int failed = report.failure ? 1 : 0;
    return out + format(",\"t\":{},\"f\":{}}}]}}", failed, failed);
}

TlsReports::TlsReports(const Config& config, const std::string& prefix, Resolver& resolver)
    : enabled_(config.bool_value(prefix + "_tlsrpt_enable")),
      skip_reused_(config.bool_value(prefix + "_tlsrpt_skip_reused_handshakes")),
      socket_path_(config.text_value(prefix + "_tlsrpt_socket_name")),
      resolver_(resolver) {
    if (enabled_ && socket_path_.empty()) {
        log_warning("{}_tlsrpt_enable is set, but {}_tlsrpt_socket_name is empty: no TLS reports",
                    prefix, prefix);
        enabled_ = false;
    }
}

// RFC 8460 3: a domain with more than one such record has none.
Task<std::optional<ReportTarget>> TlsReports::find_target(const Destination* destination) {
    const bool domain = destination->use_mx && !is_ip_address(destination->host);
    if (!enabled_ || !domain) {
        co_return std::nullopt;
    }
    DnsAnswer answer = co_await resolver_.lookup("_smtp._tls." + destination->host, DnsType::kTxt);
    std::erase_if(answer.records, [](const DnsRecord& record) {
        return !record.text.starts_with("v=TLSRPTv1;") && record.text != "v=TLSRPTv1";
    });
    if (answer.records.size() != 1) {
        co_return std::nullopt;
    }
    co_return ReportTarget{destination->host, std::move(answer.records.front().text)};
}

void TlsReports::send(const ReportTarget& target, const TlsReport& report) const {
    const std::string text = report_text(target, report);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path_.size() >= sizeof address.sun_path) {
        log_warning("cannot send a TLS report to {}: the name is too long", socket_path_);
        return;
    }
    std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
    const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto sent = ::sendto(fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (sent < 0) {
        log_warning("cannot send a TLS report about {} to {}: {}", target.domain, socket_path_,
                    std::strerror(errno));
    }
}

}  // namespace relais::smtp_client
