#include "postscreen/dnsbl_client.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/socket.h"
#include "lib/event/stream.h"
#include "lib/ipc/dnsblog.h"
#include "lib/maps/table_set.h"

namespace relais::postscreen {

namespace {

constexpr std::size_t kLongestReply = 4096;

void note_answer(const DnsblDomain& domain, const DnsblogReply& reply, ClientScore& score) {
    const auto part = score_answer(domain, reply.addresses);
    score.total += part.total;
    if (part.heaviest && (score.public_name.empty() || score.heaviest < *part.heaviest)) {
        score.heaviest = *part.heaviest;
        score.public_name = domain.public_name;
    }
    const bool counts = reply.addresses.empty() || part.heaviest;
    if (reply.ttl >= 0 && counts) {
        score.lifetime_if_passed =
            std::min(score.lifetime_if_passed, std::chrono::seconds(reply.ttl));
    }
}

}  // namespace

DnsblClient::DnsblClient() : service_("private/" + conf().dnsblog_service_name()) {
    auto domains = parse_dnsbl_sites(conf().postscreen_dnsbl_sites());
    if (!domains) {
        log_fatal("{}", domains.error().message);
    }
    domains_ = std::move(*domains);
    const TableSet names("postscreen_dnsbl_reply_map", conf().postscreen_dnsbl_reply_map(),
                         table_flag::kLock | table_flag::kFoldFixed);
    for (auto& domain : domains_) {
        const auto name = names.find(domain.domain);
        if (name.is_error()) {
            log_fatal("{} lookup error: {}", conf().postscreen_dnsbl_reply_map(), name.reason());
        }
        domain.public_name = name.is_found() ? name.value() : domain.domain;
    }
}

std::shared_ptr<ClientScore> DnsblClient::ask(const std::string& address) {
    if (const auto known = scores_.find(address); known != scores_.end()) {
        if (auto score = known->second.lock()) {
            return score;
        }
    }
    std::shared_ptr<ClientScore> score(new ClientScore, [this, address](ClientScore* last) {
        scores_.erase(address);
        delete last;
    });
    scores_[address] = score;
    score->pending = static_cast<int>(domains_.size());
    for (const auto& domain : domains_) {
        lookups_.spawn(look_up(&domain, address, score));
    }
    return score;
}

Task<void> DnsblClient::look_up(const DnsblDomain* domain, std::string address,
                                std::shared_ptr<ClientScore> score) {
    const auto limit = conf().postscreen_dnsbl_timeout();
    try {
        auto task = query(domain, std::move(address), score.get());
        const auto done = co_await with_timeout(limit, std::move(task));
        if (!done) {
            log_warning("dnsblog reply timeout {}s for {}", limit.count(), domain->domain);
        }
    } catch (const IoError& error) {
        log_warning("psc_dnsbl_receive: {}: {}", service_, error.what());
    }
    if (--score->pending == 0) {
        for (const auto& notify : std::exchange(score->waiting, {})) {
            notify();
        }
    }
}

Task<bool> DnsblClient::query(const DnsblDomain* domain, std::string address, ClientScore* score) {
    auto fd = co_await connect_unix(service_, Deadline::after(std::chrono::seconds(1)));
    if (!fd) {
        log_warning("psc_dnsbl_request: connect to {} service: {}", service_,
                    std::strerror(fd.error().sys_errno));
        co_return false;
    }
    Stream stream(std::move(*fd));
    const DnsblogRequest request{domain->domain, std::move(address), ++last_label_};
    stream.write(format_dnsblog_request(request));
    co_await stream.flush();
    const auto attributes = co_await read_attributes(&stream, AttrEncoding::kNul, kLongestReply);
    const auto reply =
        attributes ? parse_dnsblog_reply(*attributes) : Result<DnsblogReply>(fail_with(attributes));
    if (!reply) {
        log_warning("psc_dnsbl_receive: {}: {}", service_, reply.error().message);
        co_return false;
    }
    // An answer to something else says nothing about this client.
    if (reply->request.domain == request.domain && reply->request.address == request.address &&
        reply->request.label == request.label) {
        note_answer(*domain, *reply, *score);
    } else {
        log_warning("psc_dnsbl_receive: {}: reply to another request", service_);
    }
    co_return true;
}

}  // namespace relais::postscreen
