// XCLIENT and XFORWARD: a trusted proxy tells who its own client is.  XCLIENT makes this session
// that client's; XFORWARD only puts it into logs and queue files.
#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/dsn.h"
#include "lib/mail/hostname.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

constexpr std::size_t kMaxValue = 255;

struct Attribute {
    std::string name;        // upper case
    std::string value;       // decoded; "" for [UNAVAILABLE]
    bool temporary = false;  // [TEMPUNAVAIL]
};

// One NAME=value, or the reply that refuses it.
smtp::OrReply<Attribute> parse_attribute(std::string_view word) {
    const auto parts = split_first(word, '=');
    if (!parts || parts->second.empty()) {
        return std::unexpected("501 5.5.4 Error: attribute=value expected");
    }
    if (parts->second.size() > kMaxValue) {
        return std::unexpected("501 5.5.4 Error: attribute value too long");
    }
    Attribute attribute;
    attribute.name = uppercase(parts->first);
    const auto decoded = xtext_decode(parts->second);
    attribute.value = printable(decoded ? *decoded : parts->second);
    attribute.temporary = iequals(attribute.value, "[TEMPUNAVAIL]");
    if (attribute.temporary || iequals(attribute.value, "[UNAVAILABLE]")) {
        attribute.value.clear();
    }
    return attribute;
}

std::string bad(std::string_view name, std::string_view value) {
    return format("501 5.5.4 Bad {} syntax: {}", name, value);
}

// Addresses come as "10.0.0.1" or "IPV6:::1", of a kind that inet_protocols has.
std::optional<std::string> plain_address(std::string_view value) {
    auto address = literal_address(value);
    const auto families = parse_inet_protocols(conf().inet_protocols());
    const bool usable =
        families && (address.find(':') == std::string::npos ? families->ipv4 : families->ipv6);
    return address.empty() || !usable ? std::nullopt : std::optional(std::move(address));
}

bool is_port(std::string_view value) {
    return value.size() <= 5 && parse_uint(value);
}

// Who the session will be, while the attributes of one command are read.
struct NewIdentity {
    Peer client;
    std::string server_address, server_port;
    std::string helo;
    bool extended = false;
    Login login;
    int hops_left = kMostProxyHops;
};

using Apply = std::string (*)(NewIdentity&, const Attribute&);

std::string apply_name(NewIdentity& id, const Attribute& attribute) {
    if (!attribute.value.empty() && !is_hostname(attribute.value)) {
        return bad("NAME", attribute.value);
    }
    id.client.name = attribute.value.empty() ? "unknown" : attribute.value;
    id.client.name_code = !attribute.value.empty() ? 2 : attribute.temporary ? 4 : 5;
    if (!attribute.value.empty()) {  // a name that was verified is what the address claims too
        id.client.reverse_name = id.client.name;
        id.client.reverse_name_code = id.client.name_code;
    }
    return {};
}

std::string apply_reverse_name(NewIdentity& id, const Attribute& attribute) {
    if (!attribute.value.empty() && !is_hostname(attribute.value)) {
        return bad("REVERSE_NAME", attribute.value);
    }
    id.client.reverse_name = attribute.value.empty() ? "unknown" : attribute.value;
    id.client.reverse_name_code = !attribute.value.empty() ? 2 : attribute.temporary ? 4 : 5;
    return {};
}

std::string apply_addr(NewIdentity& id, const Attribute& attribute) {
    const auto address = plain_address(attribute.value);
    if (!attribute.value.empty() && !address) {
        return bad("ADDR", attribute.value);
    }
    id.client.address = address.value_or("unknown");
    id.client.family = id.client.address.find(':') == std::string::npos ? AF_INET : AF_INET6;
    return {};
}

std::string apply_port(NewIdentity& id, const Attribute& attribute) {
    if (!attribute.value.empty() && !is_port(attribute.value)) {
        return bad("PORT", attribute.value);
    }
    id.client.port = attribute.value.empty() ? "unknown" : attribute.value;
    return {};
}

std::string apply_dest_addr(NewIdentity& id, const Attribute& attribute) {
    const auto address = plain_address(attribute.value);
    if (!attribute.value.empty() && !address) {
        return bad("DESTADDR", attribute.value);
    }
    id.server_address = address.value_or("unknown");
    return {};
}

std::string apply_dest_port(NewIdentity& id, const Attribute& attribute) {
    if (!attribute.value.empty() && !is_port(attribute.value)) {
        return bad("DESTPORT", attribute.value);
    }
    id.server_port = attribute.value.empty() ? "unknown" : attribute.value;
    return {};
}

std::string apply_helo(NewIdentity& id, const Attribute& attribute) {
    id.helo = attribute.value;
    return {};
}

std::string apply_proto(NewIdentity& id, const Attribute& attribute) {
    if (!iequals(attribute.value, "SMTP") && !iequals(attribute.value, "ESMTP")) {
        return bad("PROTO", attribute.value);
    }
    id.extended = iequals(attribute.value, "ESMTP");
    return {};
}

std::string apply_login(NewIdentity& id, const Attribute& attribute) {
    id.login = Login();
    if (!attribute.value.empty()) {
        id.login.user = attribute.value;
        id.login.method = "XCLIENT";
    }
    return {};
}

// Of Dovecot's proxies and ours: so many more may follow.
std::string apply_ttl(NewIdentity& id, const Attribute& attribute) {
    const auto hops = parse_uint(attribute.value);
    if (!hops || *hops == 0) {
        return bad("TTL", attribute.value);
    }
    id.hops_left = static_cast<int>(std::min<std::uint64_t>(*hops, kMostProxyHops));
    return {};
}

struct NamedApply {
    std::string_view name;
    Apply apply;
};

constexpr std::array<NamedApply, 9> kXclient = {{
    {"NAME", apply_name},
    {"REVERSE_NAME", apply_reverse_name},
    {"ADDR", apply_addr},
    {"PORT", apply_port},
    {"HELO", apply_helo},
    {"PROTO", apply_proto},
    {"LOGIN", apply_login},
    {"DESTADDR", apply_dest_addr},
    {"DESTPORT", apply_dest_port},
}};

std::string apply_xclient(NewIdentity& id, std::string_view word, const Site& site) {
    const auto attribute = parse_attribute(word);
    if (!attribute) {
        return attribute.error();
    }
    if (site.backends && attribute->name == "TTL") {
        return apply_ttl(id, *attribute);
    }
    for (const auto& known : kXclient) {
        if (known.name == attribute->name) {
            return known.apply(id, *attribute);
        }
    }
    return format("501 5.5.4 Bad XCLIENT attribute name: {}", printable(attribute->name));
}

// What XFORWARD tells of the client; "" for an attribute that is another.
std::string describe(ForwardedClient& client, const Attribute& attribute) {
    const auto& name = attribute.name;
    // A word of XCLIENT's: here it is a value like others.
    const auto text = attribute.temporary ? std::string("[TEMPUNAVAIL]") : attribute.value;
    const auto value = text.empty() ? std::string("unknown") : text;
    if (name == "NAME") {
        if (!text.empty() && !is_hostname(text)) {
            return bad(name, text);
        }
        client.name = value;
    } else if (name == "ADDR") {
        const auto address = plain_address(text);
        if (!text.empty() && !address) {
            return bad(name, text);
        }
        client.address = address.value_or("unknown");
    } else if (name == "PORT") {
        if (!text.empty() && !is_port(text)) {
            return bad(name, text);
        }
        client.port = value;
    } else if (name == "HELO") {
        client.helo = text;
    } else {
        client.protocol = value;
    }
    client.described = true;
    return {};
}

std::string apply_xforward(ForwardedClient& client, std::string_view word) {
    constexpr std::array<std::string_view, 5> kOfClient = {"NAME", "ADDR", "PORT", "HELO", "PROTO"};
    const auto attribute = parse_attribute(word);
    if (!attribute) {
        return attribute.error();
    }
    const auto& name = attribute->name;
    if (std::ranges::find(kOfClient, name) != kOfClient.end()) {
        return describe(client, *attribute);
    }
    if (name == "IDENT") {
        client.ident = attribute->value;
    } else if (name == "SOURCE") {
        const bool known = iequals(attribute->value, "LOCAL") ||
                           iequals(attribute->value, "REMOTE") || attribute->value.empty();
        if (!known) {
            return bad("SOURCE", attribute->value);
        }
        client.domain = attribute->value.empty() ? client.domain : lowercase(attribute->value);
    } else {
        return format("501 5.5.4 Bad XFORWARD attribute name: {}", printable(name));
    }
    return {};
}

std::string refuse(const Session& session, const CommandInput& input, bool allowed,
                   std::string_view command) {
    if (session.mail.active()) {
        return "503 5.5.1 Error: MAIL transaction in progress";
    }
    if (input.line.arguments.empty()) {
        return format("501 5.5.4 Syntax: {} attribute=value...", command);
    }
    if (!allowed) {
        return "550 5.7.0 Error: insufficient authorization";
    }
    return {};
}

}  // namespace

Task<Outcome> cmd_xclient(Session& session, const CommandInput& input) {
    auto refusal = refuse(session, input, session.xclient_allowed, "XCLIENT");
    // What this client said of itself is not what the other one says.
    NewIdentity id{session.client, session.server_address, session.server_port, {},
                   false,          session.login,          session.hops_left};
    for (std::size_t i = 0; refusal.empty() && i < input.line.arguments.size(); ++i) {
        refusal = apply_xclient(id, input.line.arguments[i].text, session.site);
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    if (id.helo.empty() && !session.helo.empty()) {
        session.milters.end_greeting();
    }
    co_await session.milters.quit();
    session.reset_hello();
    session.forwarded.reset();
    session.checks.access_denied.clear();
    session.client = std::move(id.client);
    session.client.make_label();
    session.server_address = std::move(id.server_address);
    session.server_port = std::move(id.server_port);
    session.helo = std::move(id.helo);
    session.extended = id.extended;
    session.login = std::move(id.login);
    session.hops_left = id.hops_left;
    // The new client has its own right to do this again.
    const auto& lists = session.site.clients;
    session.xclient_allowed =
        co_await lists.xclient.match(session.client.name, session.client.address) == Match::kYes;
    session.verp_allowed =
        co_await lists.verp.match(session.client.name, session.client.address) == Match::kYes;
    co_await session.greet();
    co_return Outcome::kNewSession;
}

Task<Outcome> cmd_xforward(Session& session, const CommandInput& input) {
    auto refusal = refuse(session, input, session.xforward_allowed, "XFORWARD");
    auto client = std::make_unique<ForwardedClient>();
    if (session.forwarded) {
        *client = *session.forwarded;
    }
    for (std::size_t i = 0; refusal.empty() && i < input.line.arguments.size(); ++i) {
        refusal = apply_xforward(*client, input.line.arguments[i].text);
    }
    if (!refusal.empty()) {
        session.reply(refusal);
        co_return Outcome::kFailed;
    }
    session.forwarded = std::move(client);
    session.reply("250 2.0.0 Ok");
    co_return Outcome::kDone;
}

}  // namespace relais::smtpd
