#include "smtp/courier.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/queue/sendopts.h"

#include "smtp/transfer.h"
#include "smtp/trouble.h"

namespace relais::smtp_client {

Courier::Courier(Client* client, Delivery* delivery)
    : client_(client), delivery_(delivery), request_(&delivery->request), recipients_(delivery) {
}

// Mail that waited for a while already is sent in the clear rather than not at all.
bool Courier::plaintext_will_do(const Session& session) const {
    if (demands_tls(require_tls_)) {
        return false;
    }
    auto waited = request_->times.active_arrival.tv_sec - request_->times.incoming_arrival.tv_sec;
    return session.tls_failed && waited >= conf().minimal_backoff_time().count();
}

Task<std::unique_ptr<Session>> Courier::open_session(const ServerAddress* server,
                                                     std::uint16_t port) {
    ConnectResult connected = co_await connect_server(&client_->settings, *server, port);
    if (!connected.session) {
        if (port != 0) {  // a socket in the file system has no second address to try
            log_info("{}", connected.why.reason);
        }
        why_ = std::move(connected.why);
    }
    recipients_.use_session(connected.session.get());
    co_return std::move(connected.session);
}

namespace {

// Fingerprints in the policy were written for the digest that is the default.
void remark_old_digest(const TlsPolicy& policy, std::string_view prefix) {
    auto which =
        prefix == "lmtp" ? OldDefault::kLmtpFingerprintDigest : OldDefault::kSmtpFingerprintDigest;
    if (policy.level == TlsLevel::kFingerprint && in_force(which)) {
        log_old_default(which, "to compute certificate fingerprints");
    }
}

DeliveryStatus lost_connection(const Session& session) {
    return local_trouble(
        "4.4.2", format("lost connection with {} while {}", session.name(), session.doing()));
}

DeliveryStatus timed_out(const Session& session) {
    return local_trouble("4.4.2", format("conversation with {} timed out while {}", session.name(),
                                         session.doing()));
}

}  // namespace

// RFC 8689 5: "TLS-Required: no" stands behind REQUIRETLS.  Other mail does not take the connection
// over.
bool Courier::tls_need_not_be() const {
    return (request_->sendopts & kTlsNotRequired) != 0 && (request_->sendopts & kRequireTls) == 0 &&
           conf().tls_required_enable();
}

// True when the server is ready for mail.
Task<bool> Courier::greet(Session* session, HandshakeOptions options) {
    std::optional<DeliveryStatus> trouble;
    try {
        trouble = co_await shake_hands(client_, session, std::move(options));
        note_tls(*session);
        if (!trouble) {
            co_return true;
        }
    } catch (const TimedOut&) {
        session->broken = true;
        trouble = timed_out(*session);
    } catch (const IoError&) {
        session->broken = true;
        trouble = lost_connection(*session);
    } catch (const TableFailure&) {
        trouble = local_data_error(session->name());
    }
    if (session->unsuitable) {
        rule_out(std::move(*trouble));
        co_return false;
    }
    undecided_ = true;
    if (plaintext_will_do(*session)) {
        co_return false;
    }
    co_await recipients_.all_failed(std::move(*trouble), Throttle::kYes);
    co_return false;
}

Task<RequireTls> Courier::find_require_tls(std::string host) {
    const bool wanted = (request_->sendopts & kRequireTls) != 0 && conf().requiretls_enable();
    if (!wanted) {
        co_return RequireTls::kDisable;
    }
    co_return co_await client_->require_tls.find(std::move(host));
}

void Courier::rule_out(DeliveryStatus obstacle) {
    log_info("{}: {}", request_->queue_id, obstacle.reason);
    obstacle_ = std::move(obstacle);
}

// Where no server is left: the mail is returned if none of them would do (RFC 8689 4.2.1), and
// waits if one might.
Task<void> Courier::fail_ruled_out() {
    if (undecided_) {
        obstacle_->status.front() = '4';
    }
    co_await recipients_.all_failed(*obstacle_, Throttle::kNo);
}

Task<void> Courier::send_over(Session* session) {
    recipients_.connection_done();
    std::optional<DeliveryStatus> trouble;
    try {
        co_await transfer(client_, session, delivery_, &recipients_, require_tls_);
    } catch (const TimedOut&) {
        trouble = timed_out(*session);
    } catch (const IoError&) {
        trouble = lost_connection(*session);
    } catch (const TableFailure&) {
        trouble = local_data_error(session->name());
    }
    if (trouble) {
        session->broken = true;
        co_await recipients_.all_failed(std::move(*trouble), Throttle::kYes);
    }
}

// "tls=dane+requiretls": the level that was reached, and what REQUIRETLS came to.
void Courier::note_tls(const Session& session) {
    if (!client_->settings.log_tls_status) {
        return;
    }
    const bool reached = session.tls && session.tls->satisfied;
    std::string text(tls_level_name(reached ? session.tls->level : TlsLevel::kNone));
    if (!reached && session.tls_policy.level > TlsLevel::kNone) {
        text = format("!{}", tls_level_name(session.tls_policy.level));
    }
    if (require_tls_ != RequireTls::kDisable) {
        text += session.capabilities.has("REQUIRETLS") && reached ? "+requiretls" : "+!requiretls";
    }
    recipients_.set_tls(std::move(text));
}

Task<Courier::Tried> Courier::try_server(const Turn* turn, TlsPolicy policy) {
    std::unique_ptr<Session> kept = co_await find_kept(turn, policy.level);
    if (kept) {
        recipients_.set_final(turn->last_for_mail);
        const Used used = co_await use_kept(std::move(kept));
        if (used == Used::kYes) {
            co_return Tried::kUsed;
        }
    }
    std::unique_ptr<Session> session = co_await open_session(turn->server, turn->port());
    if (!session) {
        undecided_ = true;
        co_return Tried::kNoConnection;
    }
    session->set_reply_filter(&client_->reply_filter, request_->queue_id);
    session->best_mx = turn->server->preference == turn->list->best_preference;
    session->site = turn->destination->text;
    recipients_.set_final(turn->last_for_greeting);
    bool in_the_clear = policy.level == TlsLevel::kNone;
    HandshakeOptions options;
    options.queue_id = request_->queue_id;
    options.arrival = request_->times.incoming_arrival.tv_sec;
    options.nexthop = turn->destination->text;
    options.sender = request_->sender;
    options.tls = std::move(policy);
    options.require_tls = require_tls_;
    options.loop_detection = turn->list->loop_detection;
    bool ready = co_await greet(session.get(), std::move(options));
    report_tls(*turn, *session);
    if (!ready && !in_the_clear && plaintext_will_do(*session)) {
        co_return Tried::kWantsPlaintext;
    }
    if (ready) {
        undecided_ = true;
        recipients_.set_final(turn->last_for_mail);
        co_await send_over(session.get());
    } else if (session->unsuitable && turn->last_for_greeting) {
        co_await fail_ruled_out();
    }
    recipients_.next_server();
    co_await put_away(std::move(session), ready ? Ready::kYes : Ready::kNo);
    co_return ready ? Tried::kUsed : Tried::kRefused;
}

// How TLS went with a server, to whom it may concern (RFC 8460).
void Courier::report_tls(const Turn& turn, Session& session) const {
    const bool told = session.tls_failure || session.tls;
    const bool skipped = session.tls && session.tls->reused && client_->tls_reports.skips_reused();
    if (!report_target_ || !told || skipped || session.tls_policy.level == TlsLevel::kNone) {
        return;
    }
    TlsReport report;
    report.policy = session.tls_policy;
    report.failure = session.tls_failure;
    if (const auto own = SocketAddress::local_of(session.stream().fd())) {
        report.own_address = own->host();
    }
    report.server_name = turn.server->host;
    report.server_address = turn.server->address;
    report.server_ehlo = session.capabilities.host();
    client_->tls_reports.send(*report_target_, report);
}

// The same for a server that nobody talks to, because its policy cannot be satisfied.
void Courier::report_policy(const Turn& turn, const TlsPolicy& policy, const Error& why) const {
    if (!report_target_) {
        return;
    }
    TlsReport report;
    report.policy = policy;
    report.server_name = turn.server->host;
    report.server_address = turn.server->address;
    const auto result = why.code == Errc::kTemporary  ? TlsResult::kDnssecInvalid
                        : why.code == Errc::kNotFound ? TlsResult::kDaneRequired
                        : why.code == Errc::kCorrupt  ? TlsResult::kTlsaInvalid
                                                      : TlsResult::kValidationFailure;
    report.failure = TlsFailure{forced_result(policy.published, result), why.message};
    client_->tls_reports.send(*report_target_, report);
}

// The destination's policy for this server.  Nothing: it gets no mail, for the reason in why_.
Task<std::optional<TlsPolicy>> Courier::policy_for(const Turn* turn,
                                                   const Result<TlsPolicy>* policy) {
    const std::string& site = turn->destination->text;
    Result<TlsPolicy> mine = *policy;
    if (mine) {
        mine = co_await client_->server_policies.find(std::move(*mine), turn->list, turn->server,
                                                      site, turn->port());
        if (!mine) {
            report_policy(*turn, **policy, mine.error());
        }
    }
    if (mine && mine->level < TlsLevel::kEncrypt && client_->tls_policies.wrapper_mode()) {
        log_warning("{}_tls_wrappermode requires \"{}_tls_security_level = encrypt\" (or stronger)",
                    client_->settings.prefix, client_->settings.prefix);
        co_return std::nullopt;
    }
    if (mine) {
        co_return std::move(*mine);
    }
    const std::string& reason = mine.error().message;
    log_warning("TLS policy lookup for {}/{}: {}", site, turn->server->host, reason);
    why_ = local_trouble(mine.error().code == Errc::kSystem ? "4.3.0" : "4.7.5", reason);
    co_return std::nullopt;
}

Task<void> Courier::try_servers(const Destination* destination, const ServerList* list,
                                const Result<TlsPolicy>* policy, Last last) {
    const Settings& settings = client_->settings;
    std::size_t count = list->servers.size();
    if (settings.address_limit > 0) {
        count = std::min(count, static_cast<std::size_t>(settings.address_limit));
    }
    int sessions = 0;
    for (std::size_t i = 0; i < count && recipients_.left() > 0; ++i) {
        // Servers that refuse to talk do not count as sessions.
        bool last_session = sessions + 1 == settings.session_limit;
        Turn turn;
        turn.destination = destination;
        turn.list = list;
        turn.server = &list->servers[i];
        turn.last_for_greeting = last == Last::kYes && i + 1 == count;
        turn.last_for_mail = last == Last::kYes && (i + 1 == count || last_session);
        auto mine = co_await policy_for(&turn, policy);
        if (!mine) {
            continue;
        }
        Tried tried = co_await try_server(&turn, *mine);
        if (tried == Tried::kWantsPlaintext) {
            mine->level = TlsLevel::kNone;
            tried = co_await try_server(&turn, std::move(*mine));
        }
        if (tried == Tried::kUsed && ++sessions == settings.session_limit) {
            break;
        }
    }
}

// Whether servers behind this policy may do for REQUIRETLS.
bool Courier::is_passable(const TlsPolicy& policy, const std::string& nexthop) {
    if (require_tls_ == RequireTls::kError) {
        why_ = local_trouble("4.7.5", "client REQUIRETLS configuration problem");
        return false;
    }
    auto obstacle = require_tls_obstacle(require_tls_, policy, nexthop);
    if (obstacle) {
        rule_out(std::move(*obstacle));
    }
    return !obstacle;
}

// An error where the administrator has made a mistake, for which mail waits.
Task<Result<TlsPolicy>> Courier::find_tls_policy(std::string site) {
    auto policy = co_await client_->tls_policies.find(site);
    if (!policy) {
        log_warning("{}", policy.error().message);
        co_return fail(Errc::kSyntax, "client TLS configuration problem");
    }
    if (tls_need_not_be()) {
        const bool wrapped = client_->tls_policies.wrapper_mode();
        co_return client_->tls_policies.at_level(std::move(*policy),
                                                 wrapped ? TlsLevel::kEncrypt : TlsLevel::kMay);
    }
    remark_old_digest(*policy, client_->settings.prefix);
    co_return std::move(policy);
}

Task<void> Courier::try_unix_socket(Destination destination) {
    ServerAddress server;
    server.host = client_->settings.my_hostname;
    server.address = destination.unix_path;
    ServerList list;
    list.servers.push_back(std::move(server));
    destination.port = 0;
    auto policy = co_await find_tls_policy(destination.text);
    if (policy && policy->level == TlsLevel::kMay) {
        log_warning(
            "smtp_connect_local: opportunistic TLS encryption is not appropriate for "
            "unix-domain destinations.");
        policy->level = TlsLevel::kNone;
    }
    require_tls_ = co_await find_require_tls(client_->settings.my_hostname);
    report_target_.reset();
    const bool passable = !policy || is_passable(*policy, destination.text);
    if (!passable) {
        co_return;
    }
    co_await try_servers(&destination, &list, &policy, Last::kYes);
}

Task<void> Courier::try_site(std::string site, Last last) {
    recipients_.use_session(nullptr);
    auto destination = parse_destination(site, client_->settings);
    if (!destination) {
        log_warning("{}: {}", site, destination.error().message);
        why_ = local_trouble("4.3.5", destination.error().message);
        co_return;
    }
    if (!destination->unix_path.empty()) {
        co_await try_unix_socket(std::move(*destination));
        co_return;
    }
    ServerList list = co_await find_servers(&client_->resolver, &client_->settings, *destination);
    loops_ = list.loops;
    found_self_ = found_self_ || list.found_self;
    if (list.servers.empty()) {
        why_ = std::move(list.why);
        co_return;
    }
    co_await client_->dnssec_probe.look_at(&list);
    report_target_ = co_await client_->tls_reports.find_target(&*destination);
    auto policy = co_await find_tls_policy(std::move(site));
    require_tls_ = co_await find_require_tls(destination->host);
    const bool passable = !policy || is_passable(*policy, destination->text);
    if (passable) {
        co_await try_servers(&*destination, &list, &policy, last);
    }
}

// What is left when all servers of all destinations were tried, or there were none.
Task<void> Courier::give_up() {
    recipients_.use_session(nullptr);
    recipients_.set_final(true);
    if (why_.status.empty() && obstacle_) {
        co_await fail_ruled_out();
        co_return;
    }
    if (why_.status.empty()) {
        why_ = local_trouble("4.3.0", "server unavailable or unable to receive mail");
    } else if (!is_soft(why_)) {
        // Trouble with what the administrator has configured is not the sender's fault.
        if (fallback_tried_) {
            log_warning("{}_fallback_relay configuration problem", client_->settings.prefix);
            why_.status = "4.3.5";
        } else if (request_->nexthop == client_->settings.relayhost) {
            log_warning("relayhost configuration problem");
            why_.status = "4.3.5";
        } else if (loops_ && !client_->settings.best_mx_transport.empty()) {
            co_await recipients_.pass_all(client_->settings.best_mx_transport);
            co_return;
        }
    }
    co_await recipients_.all_failed(why_, Throttle::kYes);
}

void Courier::add_fallback_relays(std::vector<std::string>& sites) const {
    const Settings& settings = client_->settings;
    if (settings.fallback_relays.empty()) {
        return;
    }
    if (!sites.empty() && sites.front().starts_with("unix:") &&
        settings.protocol == Protocol::kLmtp) {
        log_warning("ignoring \"{0}_fallback_relay = {1}\" setting for non-TCP connections",
                    settings.prefix, conf().text_value(settings.prefix + "_fallback_relay"));
        return;
    }
    sites.insert(sites.end(), settings.fallback_relays.begin(), settings.fallback_relays.end());
}

// Headers that name the recipient make sense for one alone.
Task<bool> Courier::has_too_many_recipients() {
    const char flag = client_->flags.for_one_recipient();
    if (flag == '\0') {
        co_return false;
    }
    auto why = refuse_several(*request_, "flag", flag, client_->settings.service);
    if (!why) {
        co_return false;
    }
    recipients_.set_final(true);
    recipients_.use_relay(client_->settings.service);
    co_await recipients_.all_failed(std::move(*why), Throttle::kYes);
    co_return true;
}

Task<void> Courier::run() {
    const bool hopeless = co_await has_too_many_recipients();
    if (hopeless) {
        co_return;
    }
    client_->sessions.pool.delivery_begins(request_->nexthop);
    co_await try_kept_connection();
    std::vector<std::string> sites = split_nexthop(request_->nexthop, client_->settings.protocol);
    std::size_t own_sites = sites.size();
    add_fallback_relays(sites);
    for (std::size_t i = 0; i < sites.size() && recipients_.left() > 0; ++i) {
        // A mail exchanger of the domain does not hand its mail to any other server.
        if (found_self_ && i >= own_sites) {
            break;
        }
        fallback_tried_ = i >= own_sites;
        co_await try_site(sites[i], i + 1 == sites.size() ? Last::kYes : Last::kNo);
    }
    if (recipients_.left() > 0) {
        co_await give_up();
    }
    client_->sessions.pool.delivery_ends(request_->nexthop);
}

}  // namespace relais::smtp_client
