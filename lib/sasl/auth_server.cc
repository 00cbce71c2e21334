#include "lib/sasl/auth_server.h"

#include <algorithm>

#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kMaxPending = 10000;
constexpr std::size_t kMaxFinished = 100000;
constexpr std::int64_t kLoginLifetime = 60;

std::optional<std::uint32_t> parse_id(const std::vector<std::string>& fields) {
    auto id = fields.size() > 1 ? parse_uint(fields[1]) : std::nullopt;
    if (!id || *id == 0 || *id > 0xffffffff) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*id);
}

AuthServerSession::Step hang_up() {
    AuthServerSession::Step step;
    step.hang_up = true;
    return step;
}

AuthServerSession::Step failure(std::uint32_t id, std::string_view reason) {
    AuthServerSession::Step step;
    step.output = AuthLine("FAIL").field(std::to_string(id)).field("reason", reason).finish();
    return step;
}

// For private use is what no list of mechanisms has: a command, and what needs to be told more of
// the connection than clients of this protocol tell by themselves.
AuthMechanism mechanism_called(const std::string& name) {
    bool scram = name.starts_with("SCRAM-");
    bool digest = name == "APOP" || name == "CRAM-MD5" || name == "DIGEST-MD5";
    bool password = name == "PLAIN" || name == "LOGIN";
    bool token = name == "OAUTHBEARER" || name == "XOAUTH2";
    AuthMechanism mechanism;
    mechanism.name = name;
    mechanism.plaintext = password || token;
    mechanism.dictionary = digest;
    mechanism.active = digest;
    mechanism.mutual = scram || name == "DIGEST-MD5" || name == "GSSAPI";
    mechanism.anonymous = name == "ANONYMOUS";
    mechanism.private_use = name == "APOP" || name.ends_with("-PLUS");
    return mechanism;
}

}  // namespace

void FinishedLogins::add(const std::string& cookie, std::uint32_t id, FinishedLogin login,
                         std::int64_t now) {
    if (logins_.size() >= kMaxFinished) {
        std::erase_if(logins_, [now](const auto& entry) { return entry.second.expires < now; });
        if (logins_.size() >= kMaxFinished) {
            logins_.clear();
        }
    }
    login.expires = now + kLoginLifetime;
    logins_.insert_or_assign({cookie, id}, std::move(login));
}

std::optional<FinishedLogin> FinishedLogins::find(const std::string& cookie, std::uint32_t id,
                                                  std::int64_t now) const {
    auto found = logins_.find({cookie, id});
    if (found == logins_.end() || found->second.expires < now) {
        return std::nullopt;
    }
    return found->second;
}

AuthServerSession::AuthServerSession(std::vector<std::string> mechanisms,
                                     std::uint32_t connection_number, SaslContext context)
    : mechanisms_(std::move(mechanisms)),
      context_(std::move(context)),
      number_(connection_number),
      cookie_(hex_encode(random_secret(16))) {
}

std::string AuthServerSession::greeting() const {
    std::string text = "VERSION\t1\t2\n";
    for (const std::string& name : mechanisms_) {
        text += mechanism_called(name).line();
    }
    text += format("SPID\t{}\nCUID\t{}\nCOOKIE\t{}\nDONE\n", ::getpid(), number_, cookie_);
    return text;
}

AuthServerSession::Step AuthServerSession::line(std::string_view text) {
    auto fields = parse_auth_line(text);
    const std::string& command = fields[0];
    if (command == "VERSION") {
        bool good = fields.size() > 1 && fields[1] == "1";
        return good ? Step() : hang_up();
    }
    if (command == "AUTH") {
        return auth(fields);
    }
    if (command == "CONT" || command == "CANCEL") {
        auto id = parse_id(fields);
        if (!id) {
            return hang_up();
        }
        if (command == "CANCEL") {
            pending_.erase(*id);
            Step step;
            step.cancelled = id;
            return step;
        }
        return proceed(*id, fields.size() > 2 ? fields[2] : "");
    }
    if (command == "REQUEST" || command == "USER" || command == "LIST" || command == "PASS" ||
        command == "CACHE-FLUSH") {
        Step step;
        step.request = std::move(fields);
        return step;
    }
    return {};  // CPID, and words of later versions
}

SaslContext AuthServerSession::context_of(const AuthParameters& parameters) const {
    SaslContext context = context_;
    if (parameters.has("valid-client-cert")) {
        context.certificate_name = parameters.get("cert_username");
    }
    context.bindings.exporter = base64_decode(parameters.get(kAuthTlsExporter)).value_or("");
    context.bindings.server_end_point =
        base64_decode(parameters.get(kAuthTlsServerEndPoint)).value_or("");
    return context;
}

AuthServerSession::Step AuthServerSession::auth(const std::vector<std::string>& fields) {
    auto id = parse_id(fields);
    if (!id || fields.size() < 3 || pending_.contains(*id) || pending_.size() >= kMaxPending) {
        return hang_up();
    }
    std::string name = uppercase(fields[2]);
    AuthParameters parameters(fields, 3);
    auto mechanism = std::ranges::find(mechanisms_, name) != mechanisms_.end()
                         ? SaslMechanism::make(name, context_of(parameters))
                         : nullptr;
    if (!mechanism) {
        return failure(*id, "Unsupported authentication mechanism");
    }
    Pending entry;
    entry.mechanism = std::move(mechanism);
    entry.name = name;
    entry.parameters = std::move(parameters);
    std::optional<std::string> response;
    if (entry.parameters.has("resp")) {
        response = std::string(entry.parameters.get("resp"));
    }
    pending_.emplace(*id, std::move(entry));
    return proceed(*id, std::move(response));
}

AuthServerSession::Step AuthServerSession::proceed(std::uint32_t id,
                                                   std::optional<std::string> response) {
    auto found = pending_.find(id);
    if (found == pending_.end()) {
        return failure(id, "Authentication request timed out");
    }
    if (!found->second.end.empty()) {
        Step step;
        step.output = std::move(found->second.end);
        pending_.erase(found);
        return step;
    }
    std::optional<std::string> decoded;
    if (response) {
        decoded = base64_decode(*response);
        if (!decoded) {
            pending_.erase(found);
            return failure(id, "Invalid base64 data in continued response");
        }
    }
    return next(id, found->second.mechanism->step(
                        decoded ? std::optional<std::string_view>(*decoded) : std::nullopt));
}

// A request that was given up meanwhile needs no answer.
AuthServerSession::Step AuthServerSession::secret(std::uint32_t id,
                                                  std::optional<std::string_view> stored,
                                                  std::string_view default_scheme) {
    auto found = pending_.find(id);
    return found == pending_.end()
               ? Step()
               : next(id, found->second.mechanism->secret(stored, default_scheme));
}

AuthServerSession::Step AuthServerSession::foreign(std::uint32_t id, SaslStep made) {
    return pending_.contains(id) ? next(id, std::move(made)) : Step();
}

std::string AuthServerSession::refused(std::uint32_t id, std::string line) {
    auto found = pending_.find(id);
    auto why =
        found == pending_.end() ? std::nullopt : found->second.mechanism->failure_challenge();
    if (!why) {
        return line;
    }
    found->second.end = std::move(line);
    return AuthLine("CONT").field(std::to_string(id)).field(base64_encode(*why)).finish();
}

AuthServerSession::Step AuthServerSession::next(std::uint32_t id, SaslStep made) {
    auto found = pending_.find(id);
    Step step;
    if (made.kind == SaslStep::Kind::kChallenge) {
        step.output = AuthLine("CONT")
                          .field(std::to_string(id))
                          .field(base64_encode(made.challenge))
                          .finish();
        return step;
    }
    if (made.kind == SaslStep::Kind::kForeign) {
        step.foreign = AuthCheck{id, found->second.name, std::move(made.credentials),
                                 found->second.parameters};
        return step;
    }
    if (made.kind == SaslStep::Kind::kSecret) {
        step.secret = AuthCheck{id, found->second.name, std::move(made.credentials),
                                found->second.parameters};
        return step;
    }
    if (made.kind == SaslStep::Kind::kCredentials && found->second.mechanism->failure_challenge()) {
        step.check = AuthCheck{id, found->second.name, std::move(made.credentials),
                               found->second.parameters};
        return step;
    }
    Pending entry = std::move(found->second);
    pending_.erase(found);
    // A challenge that was made for another connection, or for another process, is an old one.
    bool old = entry.name == "APOP" &&
               !made.credentials.challenge.starts_with(format("<{:x}.{:x}.", ::getpid(), number_));
    if (made.kind == SaslStep::Kind::kMalformed || old) {
        return failure(id, "Invalid authentication data");
    }
    step.check =
        AuthCheck{id, entry.name, std::move(made.credentials), std::move(entry.parameters)};
    return step;
}

}  // namespace relais
