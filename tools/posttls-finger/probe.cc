#include "tools/posttls-finger/probe.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/deliver/tlsproxy_session.h"
#include "lib/event/socket.h"
#include "lib/ipc/tlsproxy.h"
#include "lib/load/reply_line.h"
#include "lib/tls/peer_chain.h"
#include "lib/tls/tls_info.h"
#include "lib/tls/tls_names.h"

namespace relais::finger {

namespace {

constexpr std::size_t kReplyLimit = 65536;  // bytes, whatever its lines

}  // namespace

Task<Result<Demand>> find_demand(Resolver* resolver, const Options* options, const ServerList* list,
                                 Server server) {
    Demand demand;
    demand.level = options->level;
    if (options->level != TlsLevel::kDane && options->level != TlsLevel::kDaneOnly) {
        demand.tlsa = options->trust_anchors;
        co_return std::move(demand);
    }
    const bool only = options->level == TlsLevel::kDaneOnly;
    demand.level = TlsLevel::kSecure;
    if (!list->secure && options->insecure_mx == InsecureMx::kMay) {
        log_info("MX RRset is insecure: try to encrypt");
        demand.level = TlsLevel::kMay;
        co_return std::move(demand);
    }
    TlsaHost host{server.host, server.canonical, server.secure};
    TlsaSearch search =
        co_await find_tlsa(resolver, std::move(host), server.port, options->insecure_hosts);
    if (search.outcome == TlsaSearch::Outcome::kFailed) {
        co_return fail(Errc::kTemporary,
                       format("TLSA lookup error for {}:{}", server.host, server.port));
    }
    if (search.outcome != TlsaSearch::Outcome::kFound) {
        const bool none = search.outcome == TlsaSearch::Outcome::kNone;
        if (only || !none) {
            log_info("{}, resorting to \"secure\"",
                     none ? "no TLSA records found" : "TLSA records unusable");
        }
        demand.tlsa = options->trust_anchors;
        co_return std::move(demand);
    }
    if (!list->secure && options->insecure_mx == InsecureMx::kEncrypt) {
        log_info("TLSA RRs found, MX RRset insecure: just encrypt");
        demand.level = TlsLevel::kEncrypt;
        co_return std::move(demand);
    }
    if (!list->secure) {
        log_info("MX RRset insecure: log verified as trusted");
    }
    demand.level = list->secure ? options->level : TlsLevel::kHalfDane;
    demand.tlsa = std::move(search.records);
    // RFC 7672 3.2.2: the name below which the records are, and those of the domain.
    for (const auto& name : {search.base, list->domain, list->canonical}) {
        if (!name.empty() &&
            std::ranges::find(demand.dane_names, name) == demand.dane_names.end()) {
            demand.dane_names.push_back(name);
        }
    }
    co_return std::move(demand);
}

Task<Result<UniqueFd>> Probe::connect(const Server* server) const {
    Deadline deadline = Deadline::after(options_.connect_timeout);
    if (!destination_.path.empty()) {
        co_return co_await connect_unix(destination_.path, deadline);
    }
    auto address = SocketAddress::parse(server->address, server->port);
    if (!address) {
        co_return fail(Errc::kSyntax, "bad address " + server->address);
    }
    co_return co_await connect_tcp(*address, deadline);
}

Task<Result<void>> Probe::look_at(Server server, Demand demand, Look look) {
    server_ = std::move(server);
    demand_ = std::move(demand);
    look_ = look;
    bool is_unix = !destination_.path.empty();
    peer_ = is_unix ? format("{}[{}]", my_name_, destination_.path)
                    : format("{}[{}]:{}", server_.host, server_.address, server_.port);
    auto fd = co_await connect(&server_);
    if (!fd) {
        co_return fail(fd.error().code,
                       format("connect to {}: {}", peer_, std::strerror(fd.error().sys_errno)));
    }
    if (options_.chats && look_ == Look::kFirst) {
        log_info("Connected to {}", peer_);
    }
    Stream stream(std::move(*fd));
    stream_ = &stream;
    proxy_.reset();
    encrypted_ = reused_session_ = known_server_ = false;
    try {
        co_await converse();
    } catch (const TimedOut&) {
        note_end("timeout");
    } catch (const IoError&) {
        note_end("lost connection");
    }
    co_return Result<void>();
}

void Probe::note_end(std::string_view how) const {
    if (doing_ == "sending STARTTLS") {
        log_fatal("{} while {}", how, doing_);
    }
    if (doing_ == "sending QUIT command") {
        log_warning("{} while {}", how, doing_);
    } else {
        log_info("{} while {}", how, doing_);
    }
}

Task<void> Probe::converse() {
    chats_ = options_.chats;
    if (options_.wrapped) {
        bool secured = co_await start_tls();
        if (!secured) {
            co_return;
        }
    }
    bool goes_on = co_await greeting();
    if (!goes_on) {
        co_return;
    }
    // Who looks again has seen the rest.
    chats_ = options_.chats && look_ == Look::kFirst;
    goes_on = co_await hello();
    if (goes_on && !options_.wrapped) {
        goes_on = co_await offer_tls();
    }
    chats_ = options_.chats;
    if (goes_on) {
        co_await quit();
    }
}

Task<bool> Probe::greeting() {
    stream_->set_timeout(options_.connect_timeout);
    doing_ = "reading server greeting";
    Reply said = co_await reply();
    stream_->set_timeout(options_.command_timeout);
    if (!said.is_good()) {
        log_info("{} service not available: {} {}", options_.lmtp ? "LMTP" : "SMTP", said.code,
                 said.text);
        co_return false;
    }
    co_return true;
}

Task<bool> Probe::hello() {
    std::string verb = options_.lmtp ? "LHLO" : "EHLO";
    doing_ = "sending " + verb;
    Reply said = co_await command(verb + " " + my_name_);
    if (!said.is_good()) {
        log_info("{} rejected: {} {}", verb, said.code, said.text);
        co_return false;
    }
    capabilities_ = smtp::Capabilities::parse(said.lines);
    co_return true;
}

void Probe::note_server_name() {
    known_server_ = !seen_names_.insert(capabilities_.host()).second;
}

// False where the conversation is over.
Task<bool> Probe::offer_tls() {
    note_server_name();
    if (demand_.level == TlsLevel::kNone || tls_ == nullptr || !capabilities_.has("STARTTLS")) {
        co_return true;
    }
    doing_ = "sending STARTTLS";
    Reply said = co_await command("STARTTLS");
    if (!said.is_good()) {
        log_info("STARTTLS rejected: {} {}", said.code, said.text);
        co_return false;
    }
    bool secured = co_await start_tls();
    if (!secured || look_ == Look::kAgain) {
        co_return secured;
    }
    // RFC 3207 4.2: the server may offer other things now.
    co_return co_await hello();
}

std::vector<std::string> Probe::wanted_matches() const {
    if (!demand_.dane_names.empty()) {
        return demand_.dane_names;
    }
    if (!options_.match.empty() || demand_.level == TlsLevel::kFingerprint) {
        return options_.match;
    }
    return tls_match_patterns(demand_.level == TlsLevel::kVerify
                                  ? conf().smtp_tls_verify_cert_match()
                                  : conf().smtp_tls_secure_cert_match(),
                              server_.host, destination_.domain);
}

TlsConnectOptions Probe::connect_options() const {
    TlsConnectOptions tls;
    tls.tells_result = false;
    tls.peer = peer_;
    // RFC 7672 8.1
    tls.server_name =
        demand_.dane_names.empty() ? options_.server_name : demand_.dane_names.front();
    tls.level = demand_.level;
    tls.tlsa = demand_.tlsa;
    tls.match = wanted_matches();
    tls.protocols = options_.protocols;
    tls.cipher_grade = options_.cipher_grade;
    tls.timeout = options_.command_timeout;
    if (options_.reconnect_delay.count() > 0) {
        tls.session_key = format("{}&{}", destination_.shown, capabilities_.host());
    }
    return tls;
}

Task<bool> Probe::start_tls() {
    if (tls_ == nullptr) {
        co_return false;
    }
    doing_ = "performing the TLS handshake";
    TlsConnectOptions tls = connect_options();
    bool again = look_ == Look::kAgain;
    if (again) {
        log_info("looking for session {} in memory cache", tls.session_key);
    }
    auto info = co_await handshake(std::move(tls));
    if (!info) {
        co_return false;
    }
    encrypted_ = true;
    reused_session_ = info->reused;
    if (again) {
        tell_session(*info);
    } else {
        tell_certificate(*info);
    }
    if (options_.tales.summary || again) {
        log_info("{} TLS connection established to {}: {}", tls_trust_word(info->trust), peer_,
                 tls_description(*info));
    }
    if (options_.shows_chain && !again && proxy_ == nullptr) {
        show_chain(info->trust == TlsTrust::kVerified ? PeerChain::kVerified : PeerChain::kSent);
    }
    co_return true;
}

Task<Result<TlsInfo>> Probe::handshake(TlsConnectOptions options) {
    if (options_.proxied) {
        co_return co_await handshake_in_tlsproxy(std::move(options));
    }
    co_return co_await tls_connect(stream_, tls_, std::move(options));
}

// The certificates stay there: of these only what is in its answer can be told.
Task<Result<TlsInfo>> Probe::handshake_in_tlsproxy(TlsConnectOptions options) {
    const TlsLevel level = options.level;
    TlsproxyClientList list = tlsproxy_settings(conf(), "smtp");
    list.chain_files = join(options_.certificates.chain_files, ", ");
    list.cert_file = list.key_file = list.dcert_file = list.dkey_file = "";
    list.eccert_file = list.eckey_file = "";
    list.ca_file = options_.ca_file;
    list.ca_path = options_.ca_path;
    list.append_default_ca = false;
    list.cache_type = "";
    if (!options_.digest.empty()) {
        list.digest = options_.digest;
    }
    describe_connection(list, std::move(options), server_.host);
    list.nexthop = destination_.domain;
    list.helo = capabilities_.host();
    TlsproxyRequest request{format("[{}]:{}", server_.address, server_.port),
                            kTlsproxyClient | kTlsproxySendContext, options_.command_timeout,
                            options_.command_timeout, "smtp"};
    auto proxy = co_await open_tlsproxy(
        format("{}/private/{}", conf().queue_directory(), conf().tlsproxy_service_name()),
        std::move(request), options_.connect_timeout, format_tlsproxy_client_list(conf(), list));
    if (!proxy) {
        log_warning("private/{} service role \"client\" is not available: {}",
                    conf().tlsproxy_service_name(), proxy.error().message);
        co_return fail_with(proxy);
    }
    (*proxy)->set_timeout(options_.command_timeout);
    auto context = co_await hand_over(proxy->get(), stream_->fd());
    if (!context) {
        log_info("{}: TLS handshake failed in tlsproxy: {}", peer_, context.error().message);
        co_return fail_with(context);
    }
    proxy_ = std::move(*proxy);
    stream_ = proxy_.get();
    co_return tls_info_of(*context, level);
}

void Probe::tell_session(const TlsInfo& info) const {
    if (!info.reused) {
        return;
    }
    log_info("reloaded session {}&{} from memory cache", destination_.shown, capabilities_.host());
    log_info("{}: Reusing old session", peer_);
}

// Which of the wanted names or fingerprints it was.
void Probe::tell_match(const TlsInfo& info) {
    if (demand_.level == TlsLevel::kFingerprint) {
        for (std::string wanted : options_.match) {
            if (iequals(wanted, info.certificate_fingerprint) ||
                iequals(wanted, info.key_fingerprint)) {
                std::erase(wanted, ':');
                log_info("{}: Matched fingerprint: {}", peer_, uppercase(wanted));
                return;
            }
        }
        return;
    }
    auto labels = conf().tls_wildcard_matches_multiple_labels() ? WildcardLabels::kMany
                                                                : WildcardLabels::kOne;
    // RFC 7672 3.1.1: a certificate that is named itself may bear any name.
    bool any_name = std::ranges::any_of(demand_.tlsa, [](auto& one) { return one.usage == 3; });
    if (!demand_.dane_names.empty() && any_name) {
        return;
    }
    auto chain = peer_chain(*stream_, *tls_, PeerChain::kSent);
    for (const auto& name : chain.empty() ? std::vector<std::string>() : chain[0].names) {
        if (tls_any_name_matches({name}, wanted_matches(), labels)) {
            log_info("{}: matched peername: {}", peer_, name);
            break;
        }
    }
    if (demand_.level >= TlsLevel::kVerify && !demand_.tlsa.empty()) {
        auto depth = peer_chain(*stream_, *tls_, PeerChain::kVerified).size();
        log_info("{}: Matched trust anchor at depth {}", peer_, depth > 0 ? depth - 1 : 0);
    }
}

void Probe::tell_certificate(const TlsInfo& info) {
    if (options_.tales.certmatch && info.trust == TlsTrust::kVerified && proxy_ == nullptr) {
        tell_match(info);
    }
    if (info.has_certificate() && options_.tales.peercert) {
        log_info("{}: subject_CN={}, issuer_CN={}, fingerprint={}, pkey_fingerprint={}", peer_,
                 info.peer_cn, info.issuer_cn, info.certificate_fingerprint, info.key_fingerprint);
    }
}

void Probe::show_chain(PeerChain which) {
    std::printf("\n---\nCertificate chain\n");
    int number = 0;
    for (const auto& one : peer_chain(*stream_, *tls_, which)) {
        std::printf("%2d subject: %s\n    issuer: %s\n   cert digest=%s\n   pkey digest=%s\n%s",
                    number++, one.subject.c_str(), one.issuer.c_str(), one.fingerprint.c_str(),
                    one.key_fingerprint.c_str(), one.pem.c_str());
    }
    std::fflush(stdout);
}

Task<void> Probe::quit() {
    doing_ = "sending QUIT command";
    co_await command("QUIT");
}

Task<Probe::Reply> Probe::command(std::string line) {
    if (chats_) {
        log_info("> {}", line);
    }
    stream_->write(line + "\r\n");
    co_return co_await reply();
}

Task<Probe::Reply> Probe::reply() {
    Reply whole;
    for (;;) {
        std::string_view input = stream_->buffered();
        auto end = input.find('\n');
        if (end == std::string_view::npos) {
            if (input.size() > kReplyLimit) {
                throw IoError("line too long");
            }
            bool more = co_await stream_->fill();
            if (!more) {
                throw EndOfStream();
            }
            continue;
        }
        std::string line(trim_right(input.substr(0, end), "\r"));
        stream_->consume(end + 1);
        if (chats_) {
            log_info("< {}", line);
        }
        load::ReplyLine part = load::split_reply_line(line);
        whole.code = part.code;
        whole.text += (whole.lines.empty() ? "" : "\n") + std::string(part.text);
        whole.lines += (whole.lines.empty() ? "" : "\n") + line;
        if (part.is_last) {
            co_return whole;
        }
        if (whole.lines.size() > kReplyLimit) {
            throw IoError("reply too long");
        }
    }
}

}  // namespace relais::finger
