#include "lib/deliver/dane.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

// Nobody publishes more; a hostile zone shall not cost more.
constexpr std::size_t kMostRecords = 100;

Task<TlsaSearch> search_below(Resolver* resolver, std::string base, std::uint16_t port) {
    const std::string question = format("_{}._tcp.{}", port, base);
    const DnsAnswer answer =
        co_await resolver->lookup(question, DnsType::kTlsa, DnsValidation::kWanted);
    TlsaSearch search = usable_tlsa(answer, question);
    search.base = std::move(base);
    co_return std::move(search);
}

}  // namespace

TlsaSearch usable_tlsa(const DnsAnswer& answer, const std::string& question) {
    TlsaSearch search;
    if (answer.status == DnsStatus::kNotFound || (answer.found() && !answer.authentic)) {
        return search;
    }
    if (!answer.found()) {
        log_warning("DANE TLSA lookup problem: {}", answer.reason);
        search.outcome = TlsaSearch::Outcome::kFailed;
        return search;
    }
    for (const auto& found : answer.records) {
        TlsaRecord record{found.usage, found.selector, found.matching, found.data};
        // RFC 7672 3.1.3: the others rely on public authorities.
        const bool ours = record.usage == 2 || record.usage == 3;
        if (!ours) {
            log_warning("{} unsupported TLSA certificate usage: {}", question, tlsa_text(record));
        } else if (!record.data.empty() && search.records.size() < kMostRecords) {
            search.records.push_back(std::move(record));
        }
    }
    search.outcome =
        search.records.empty() ? TlsaSearch::Outcome::kUnusable : TlsaSearch::Outcome::kFound;
    return search;
}

Task<TlsaSearch> find_tlsa(Resolver* resolver, TlsaHost host, std::uint16_t port,
                           InsecureHosts insecure) {
    TlsaSearch search;
    if (host.canonical.empty()) {
        co_return std::move(search);  // an address, or from the hosts file
    }
    const bool alias = !iequals(host.name, host.canonical);
    bool ask = host.secure || insecure == InsecureHosts::kAsk;
    if (ask && alias) {
        search = co_await search_below(resolver, host.canonical, port);
        if (search.outcome != TlsaSearch::Outcome::kNone) {
            co_return std::move(search);
        }
    }
    if (!ask && alias) {
        // The alias itself may be signed while what it leads to is not.
        const DnsAnswer first =
            co_await resolver->lookup(host.name, DnsType::kCname, DnsValidation::kWanted);
        ask = first.found() && first.authentic;
        if (first.status != DnsStatus::kNotFound && !first.found()) {
            log_warning("DANE TLSA lookup problem: {}", first.reason);
            search.outcome = TlsaSearch::Outcome::kFailed;
        }
    }
    if (ask) {
        search = co_await search_below(resolver, host.name, port);
    }
    co_return std::move(search);
}

}  // namespace relais
