#include "smtp/saved_session.h"

#include <algorithm>
#include <ctime>
#include <limits>

#include "smtp/proxied_tls.h"

namespace relais::smtp_client {

namespace {

// Postfix's bits.
constexpr std::uint32_t kEsmtp = 1;
constexpr std::uint32_t kBestMx = 1 << 12;
constexpr int kMostReuses = 1000000;

std::int64_t expire_time(Deadline usable_until) {
    if (usable_until.is_never()) {
        return std::numeric_limits<std::int32_t>::max();
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::seconds>(usable_until.remaining()).count();
    return std::time(nullptr) + left;
}

Result<Attributes> read_properties(const std::string& text) {
    AttrParse parsed = parse_attributes(text, AttrEncoding::kPlain);
    if (parsed.status != AttrParse::Status::kComplete) {
        return fail(Errc::kCorrupt, "bad properties of a kept connection");
    }
    return std::move(parsed.attributes);
}

Result<bool> read_destination(const std::string& text, ServerAddress& server, std::string& site) {
    auto attributes = read_properties(text);
    if (!attributes) {
        return fail_with(attributes);
    }
    AttrReader in(*attributes);
    site = in.string("destination");
    server.host = in.string("host_name");
    server.address = in.string("host_addr");
    const std::uint32_t features = in.number("destination_features");
    if (in.failed()) {
        return fail(Errc::kCorrupt, in.error());
    }
    return (features & kBestMx) != 0;
}

}  // namespace

std::string destination_properties(const Session& session) {
    AttrWriter out(AttrEncoding::kPlain);
    out.string("destination", session.site).string("host_name", session.host());
    out.string("host_addr", session.address());
    out.number("destination_features", session.best_mx ? kBestMx : 0).end();
    return out.take();
}

std::string endpoint_properties(const Session& session) {
    AttrWriter out(AttrEncoding::kPlain);
    out.number("tls_level", static_cast<int>(session.tls_policy.level));
    out.number("reuse_count", session.reuse_count);
    out.number("endpoint_features", session.esmtp ? kEsmtp : 0);
    out.long_number("expire_time", expire_time(session.usable_until));
    out.number("port", session.port());
    out.number("logged_in", session.logged_in ? 1 : 0);
    out.number("pause_before_end", session.pause_before_end.count());
    out.data("capabilities", session.capabilities.text());
    out.data("tls", session.proxied_tls).end();
    return out.take();
}

Result<std::unique_ptr<Session>> restore_session(const Settings& settings, KeptConnection kept,
                                                 ServerAddress server) {
    std::string site;
    bool best_mx = false;
    if (!kept.destination.empty()) {
        auto read = read_destination(kept.destination, server, site);
        if (!read) {
            return fail_with(read);
        }
        best_mx = *read;
    }
    auto attributes = read_properties(kept.endpoint);
    if (!attributes) {
        return fail_with(attributes);
    }
    AttrReader in(*attributes);
    const std::uint32_t level = in.number("tls_level");
    const std::uint32_t reuse_count = in.number("reuse_count");
    const bool esmtp = (in.number("endpoint_features") & kEsmtp) != 0;
    const std::int64_t expires = in.long_number("expire_time");
    const auto port = static_cast<std::uint16_t>(in.number("port"));
    const bool logged_in = in.number("logged_in") != 0;
    const std::chrono::seconds pause(std::min(in.number("pause_before_end"), 3600U));
    const std::string capabilities = in.data("capabilities");
    std::string tls = in.data("tls");
    // Another make's session says less than is needed here.
    if (in.failed()) {
        return fail(Errc::kCorrupt, in.error());
    }
    auto session = std::make_unique<Session>(std::move(kept.fd), std::move(server), port, settings);
    session->site = std::move(site);
    session->best_mx = best_mx;
    session->tls_policy.level =
        static_cast<TlsLevel>(std::min(level, static_cast<std::uint32_t>(TlsLevel::kSecure)));
    session->reuse_count = static_cast<int>(std::min<std::uint32_t>(reuse_count, kMostReuses));
    session->esmtp = esmtp;
    session->logged_in = logged_in;
    session->pause_before_end = pause;
    session->capabilities = smtp::Capabilities::parse(capabilities);
    if (!tls.empty()) {
        auto restored = restore_proxied_tls(*session, std::move(tls));
        if (!restored) {
            return fail_with(restored);
        }
    }
    const std::int64_t now = std::time(nullptr);
    const std::chrono::seconds left(expires > now ? expires - now : 0);
    session->usable_until = Deadline::after(std::min(left, settings.reuse_time_limit));
    return session;
}

}  // namespace relais::smtp_client
