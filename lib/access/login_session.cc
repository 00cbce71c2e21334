#include "lib/access/login_session.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <sys/socket.h>

#include "lib/access/last_words.h"
#include "lib/access/session_log.h"
#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/config/config.h"
#include "lib/daemon/upstream_proxy.h"
#include "lib/sasl/password.h"
#include "lib/tls/tls_session.h"

namespace relais {

LoginSession::LoginSession(LoginSite& site, UniqueFd fd, TaskGroup& task)
    : site_(site), stream_(std::move(fd)), task_(task) {
}

Task<bool> LoginSession::identify_client() {
    auto peer = SocketAddress::peer_of(stream_.fd());
    auto own = SocketAddress::local_of(stream_.fd());
    near_ = peer && own && peer->is_ip() && own->is_ip() && peer->host() == own->host();
    if (!site_.settings().upstream_proxy_protocol.empty()) {
        bool said = co_await ask_upstream_proxy(
            stream_.fd(), Deadline::after(site_.settings().upstream_proxy_timeout), &peer, &own);
        if (!said) {
            co_return false;
        }
    }
    if (peer && peer->is_ip()) {
        remote_ = peer->host();
        remote_port_ = peer->port();
    }
    if (own && own->is_ip()) {
        local_ = own->host();
        local_port_ = own->port();
    }
    trusted_ = co_await site_.trusted_proxies().include(remote_);
    co_return true;
}

void LoginSession::believe(const Origin& origin) {
    auto take = [](const std::string& text, std::uint16_t port, std::string* host,
                   std::uint16_t* number) {
        if (auto address = SocketAddress::parse(text, port)) {
            *host = address->host();
            *number = port;
            return true;
        }
        return false;
    };
    told_origin_ = take(origin.remote, origin.remote_port, &remote_, &remote_port_) || told_origin_;
    take(origin.local, origin.local_port, &local_, &local_port_);
    if (origin.hops_left > 0) {
        hops_left_ = std::min(hops_left_, origin.hops_left);
    }
}

Task<void> LoginSession::run() {
    take_place();
    try {
        bool known = co_await identify_client();
        if (known) {
            co_await attend();
        } else {
            end_.be_silent();
        }
    } catch (const Cancelled&) {
        end_.because("Shutting down");  // unless it makes room
    }
    if (server_ends_ && !done_ && (secured_ || !site_.settings().tls_wrappermode)) {
        co_await say_last_words(&stream_, std::string(bye(Bye::kServerEnds)));
    }
    log_end();
    co_await leave();
}

void LoginSession::end_with_server() {
    server_ends_ = true;
    if (!handed_over_) {
        task_.cancel();
    }
}

std::string LoginSession::origin() const {
    return format("rip={}, lip={}{}", remote_, local_, secured_ ? ", TLS" : "");
}

void LoginSession::log_end() const {
    auto lasted =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - came_);
    if (auto text = end_.text(lasted, origin())) {
        log_session(service(), *text);
    }
}

void LoginSession::take_place() {
    place_ = site_.limits().arrive({this, &task_});
}

void LoginSession::give_up_place() {
    if (place_) {
        site_.limits().depart(*std::exchange(place_, std::nullopt));
    }
}

Task<void> LoginSession::leave() {
    give_up_place();
    if (std::exchange(entered_, false)) {
        co_await site_.limits().leave(remote_);
    }
}

void LoginSession::turn_away() {
    place_.reset();
    end_.because("Connection queue full");
    log_warning("all places are taken: the oldest connection without login goes: unknown[{}]",
                remote_);
    if (!secured_ && !site_.settings().tls_wrappermode) {
        std::string_view text = bye(Bye::kNoRoom);
        ssize_t ignored =
            ::send(stream_.fd(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        static_cast<void>(ignored);
    }
}

Task<void> LoginSession::attend() {
    auto patience = site_.settings().login_timeout;
    stream_.set_timeout(patience);
    stream_.set_deadline(Deadline::after(patience));
    bool late = false;
    try {
        entered_ = !trusted_;
        bool welcome = trusted_ || co_await site_.limits().enter(remote_);
        if (welcome && site_.settings().tls_wrappermode) {
            co_await start_tls();
        }
        if (welcome) {
            co_await converse();
        } else {
            end_.be_silent();  // the limit is logged
            stream_.write(site_.settings().tls_wrappermode ? "" : bye(Bye::kAddressLimit));
        }
        co_await stream_.flush();
    } catch (const TimedOut&) {
        late = true;
        end_.because("Inactivity");
    } catch (const IoError& error) {
        if (log_verbose() > 0) {
            log_info("{}[{}]: {}", "client", remote_, error.what());
        }
    }
    if (late) {
        co_await say_last_words(&stream_, std::string(bye(Bye::kSilent)));
    }
}

Task<void> LoginSession::converse() {
    co_await greet();
    while (!done_) {
        bool more = co_await next_command();
        if (!more) {
            co_return;
        }
    }
}

Task<void> LoginSession::start_tls() {
    co_await stream_.flush();
    TlsAcceptOptions options;
    options.peer = "unknown[" + remote_ + "]";
    options.timeout = stream_.timeout();
    options.binds_channel = true;
    auto info = co_await tls_accept(&stream_, site_.tls(), options);
    if (!info) {
        throw IoError(info.error().message);
    }
    tls_info_ = std::move(*info);
    secured_ = true;
}

// Some need what is not to be had on every connection.
bool LoginSession::can_use(const AuthMechanism& mechanism) const {
    if (mechanism.name.ends_with("-PLUS")) {
        return !tls_info_.exporter_binding.empty() || !tls_info_.server_end_point.empty();
    }
    bool certified = tls_info_.trust >= TlsTrust::kTrusted && !tls_info_.peer_cn.empty();
    return !mechanism.private_use && (mechanism.name != "EXTERNAL" || certified);
}

// The RFCs leave the words to us; loopback needs no TLS, since nobody is in between.
bool LoginSession::plaintext_allowed() const {
    bool nearby =
        !remote_.empty() && (remote_ == local_ || remote_.starts_with("127.") || remote_ == "::1");
    return secured_ || (!lacks_tls() && (!site_.settings().tls_auth_only || nearby || trusted_));
}

// As Dovecot has it with ssl = required: webmail on the same machine needs no TLS.  Addresses that
// a proxy tells say nothing of what lies between.
bool LoginSession::lacks_tls() const {
    bool from_itself = near_ && !told_origin_ && remote_ == local_;
    return !secured_ && site_.tls_required() && !from_itself;
}

Task<std::vector<std::string>> LoginSession::usable_mechanisms() {
    std::vector<std::string> names;
    if (lacks_tls()) {
        co_return names;
    }
    auto offered = co_await site_.mechanisms();
    for (const AuthMechanism& mechanism : offered) {
        if (can_use(mechanism) && (!mechanism.plaintext || plaintext_allowed())) {
            names.push_back(mechanism.name);
        }
    }
    co_return names;
}

// The form is Dovecot's, whose auth service looks at it.
Task<std::string> LoginSession::apop_challenge() {
    auto offered = co_await site_.mechanisms();
    std::string name = site_.auth().connection_name();
    if (name.empty() || std::ranges::find(offered, "APOP", &AuthMechanism::name) == offered.end()) {
        co_return "";
    }
    co_return format("<{}.{:x}.{}@{}>", name, ::time(nullptr), base64_encode(random_secret(16)),
                     conf().myhostname());
}

AuthPeer LoginSession::auth_peer() const {
    AuthPeer peer;
    peer.service = site_.settings().protocol;
    peer.local_address = local_;
    peer.remote_address = remote_;
    peer.local_port = local_port_;
    peer.remote_port = remote_port_;
    peer.secured = secured_;
    peer.no_login = false;
    auto own = SocketAddress::local_of(stream_.fd());
    if (own && own->is_ip() && (own->host() != local_ || own->port() != local_port_)) {
        peer.real_local_address = own->host();
        peer.real_local_port = own->port();
    }
    if (tls_info_.trust >= TlsTrust::kTrusted) {
        peer.valid_client_cert = true;
        peer.cert_username = tls_info_.peer_cn;
    }
    return peer;
}

}  // namespace relais
