// Names in the texts of replies: see the header.
#include "smtpd/session_macros.h"

#include <array>
#include <functional>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/mail/address.h"
#include "lib/smtp/reject_footer.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// $sender, $sender_name, $sender_domain.
std::optional<std::string> part_of(std::string_view name, std::string_view stem,
                                   const std::optional<std::string>& address) {
    const std::string_view whole = address ? std::string_view(*address) : "";
    const auto parts = split_address(whole);
    const auto which = name.substr(stem.size());
    const bool null_sender = stem == "sender" && address && whole.empty();
    if (which.empty()) {
        return null_sender ? "<>" : std::string(whole);
    }
    if (which == "_name") {
        return null_sender ? "<>" : std::string(parts.local);
    }
    if (which == "_domain") {
        return std::string(parts.domain);
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> session_macro(const Session& session, std::string_view name) {
    const auto& client = session.client;
    const std::array<std::pair<std::string_view, const std::string*>, 7> plain = {{
        {"client", &client.label},
        {"client_address", &client.address},
        {"client_name", &client.name},
        {"client_port", &client.port},
        {"reverse_client_name", &client.reverse_name},
        {"helo_name", &session.helo},
        {"server_name", &session.site.hostname},
    }};
    for (const auto& [known, value] : plain) {
        if (known == name) {
            return *value;
        }
    }
    if (name == "localtime") {
        return smtp::footer_time();
    }
    if (name.starts_with("sender")) {
        return part_of(name, "sender", session.sender());
    }
    if (name.starts_with("recipient")) {
        return part_of(name, "recipient", session.logged_recipient);
    }
    return std::nullopt;
}

std::optional<std::string> recipient_macro(std::string_view name, const std::string& address) {
    return part_of(name, "recipient", address);
}

Result<std::string> expand_session_text(const Session& session, std::string_view text,
                                        const MoreMacros& more) {
    ExpandOptions options;
    options.filter = session.site.expansion_filter;
    options.lookup = [&](std::string_view name) -> std::optional<std::string> {
        if (auto value = more ? more(name) : std::nullopt) {
            return value;
        }
        auto value = session_macro(session, name);
        if (!value) {
            log_warning("unknown macro name \"{}\" in expansion request", name);
        }
        return value;
    };
    auto expanded = expand(text, options);
    if (!expanded) {
        return fail_with(expanded);
    }
    if (expanded->undefined) {
        return fail(Errc::kNotFound, format("undefined name in \"{}\"", text));
    }
    return std::move(expanded->text);
}

}  // namespace relais::smtpd
