#include "lib/access/login_inquiry.h"

#include <algorithm>
#include <optional>

#include "lib/base/strings.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/attr.h"

namespace relais {

namespace {

long number_field(const AuthParameters& fields, std::string_view name) {
    auto value = parse_uint(fields.get(name));
    return value && *value < 0xffffffff ? static_cast<long>(*value) : -1;
}

// What Dovecot 1.0 had, and old queries still select: "maildir:storage=1000",
// "dirsize:storage=1000".
std::string old_rule(std::string_view text) {
    auto parts = split_first(text, ':');
    bool limits = parts && parts->second.find('=') != std::string_view::npos;
    return limits ? "*:" + std::string(parts->second) : "";
}

// Field N is quota_ruleN, the first without a number.
std::vector<std::string> rules_in(const AuthParameters& fields) {
    std::vector<std::string> rules;
    if (std::string rule = old_rule(fields.get("quota")); !rule.empty()) {
        rules.push_back(std::move(rule));
    }
    for (const auto& [name, value] : fields.all()) {
        if (!name.starts_with("quota_rule")) {
            continue;
        }
        std::string_view number = std::string_view(name).substr(10);
        auto which = number.empty() ? std::optional<std::uint64_t>(1) : parse_uint(number);
        if (which && *which >= 1 && *which <= kMostQuotaRules) {
            rules.resize(std::max<std::size_t>(rules.size(), *which));
            rules[*which - 1] = value;
        }
    }
    return rules;
}

UserRecord record_of(const AuthReply& reply) {
    UserRecord record;
    record.identity = identity_in(reply);
    record.version = reply.parameters.get("version");
    record.files = reply.parameters.get("files");
    if (reply.parameters.has("proxy")) {
        record.elsewhere = reply.parameters;
    }
    return record;
}

Result<UserRecord> found_user(const AuthReply& found) {
    if (found.kind == AuthReply::Kind::kTemporary) {
        return fail(Errc::kTemporary, found.reason);
    }
    if (found.kind != AuthReply::Kind::kSuccess) {
        return fail(Errc::kNotFound, "no such user");
    }
    return record_of(found);
}

}  // namespace

WorkerIdentity identity_in(const AuthReply& reply) {
    WorkerIdentity identity{reply.user,
                            std::string(reply.parameters.get("home")),
                            std::string(reply.parameters.get("mail")),
                            number_field(reply.parameters, "uid"),
                            number_field(reply.parameters, "gid"),
                            rules_in(reply.parameters)};
    for (std::string_view group : split_words(reply.parameters.get("acl_groups"), ", ")) {
        identity.acl_groups.emplace_back(group);
    }
    return identity;
}

std::string LoginTicket::serialize() const {
    return AttrWriter()
        .string("cookie", cookie)
        .number("client_pid", client_pid)
        .number("request", request)
        .end()
        .take();
}

Result<LoginTicket> LoginTicket::parse(std::string_view bytes) {
    auto parsed = parse_attributes(bytes);
    if (parsed.status != AttrParse::Status::kComplete) {
        return fail(Errc::kSyntax, "malformed request");
    }
    AttrReader reader(parsed.attributes);
    LoginTicket ticket;
    ticket.cookie = reader.string("cookie");
    ticket.client_pid = reader.number("client_pid");
    ticket.request = reader.number("request");
    if (reader.failed()) {
        return fail(Errc::kSyntax, reader.error());
    }
    return ticket;
}

bool UserRecord::is_still(const UserRecord& before) const {
    auto process = [](std::string_view text) { return text.substr(0, text.find('.')); };
    bool comparable = process(version) == process(before.version);
    return identity == before.identity && (!comparable || version == before.version);
}

void use_own_auth(AuthClient& auth) {
    auth.set_maker(process_info().master);
}

Task<Result<UserRecord>> who_logged_in(AuthClient* auth, LoginTicket ticket) {
    AuthExchange exchange(*auth);
    AuthReply who =
        co_await exchange.request_user(ticket.client_pid, ticket.request, ticket.cookie);
    if (who.kind == AuthReply::Kind::kTemporary) {
        co_return fail(Errc::kTemporary, who.reason);
    }
    if (who.kind != AuthReply::Kind::kSuccess) {
        co_return fail(Errc::kDenied, "the auth service does not know of this login");
    }
    co_return record_of(who);
}

Task<Result<UserRecord>> look_up_user(AuthClient* auth, std::string user) {
    AuthExchange exchange(*auth);
    AuthReply found = co_await exchange.look_up(std::move(user));
    co_return found_user(found);
}

Task<Result<UserRecord>> look_up_recipient(AuthClient* auth, std::string user) {
    AuthExchange exchange(*auth);
    AuthReply found = co_await exchange.look_up(std::move(user), {"service=lmtp"});
    co_return found_user(found);
}

Task<Result<UserRecord>> look_up_recipient_at(AuthClient* auth, std::string user,
                                              std::optional<SocketAddress> here) {
    bool known = here && here->is_ip();
    std::vector<std::string> parameters = {"service=lmtp"};
    parameters.push_back(known ? "lip=" + here->host() : "lip=");
    if (known) {
        parameters.push_back("lport=" + std::to_string(here->port()));
    }
    AuthExchange exchange(*auth);
    AuthReply found = co_await exchange.look_up(std::move(user), std::move(parameters));
    co_return found_user(found);
}

}  // namespace relais
