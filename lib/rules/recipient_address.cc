#include "lib/rules/recipient_address.h"

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/rewriter.h"
#include "lib/mail/address.h"
#include "lib/mail/hostname.h"

namespace relais {

namespace {

constexpr std::string_view kMailerDaemon = "MAILER-DAEMON";

// The local part of an internal address is plain text, so it is quoted where it must be.
AddressTokens tokens_of(const std::string& address) {
    std::string text = quote_address(address);
    return tokenize_address(text, text.size() + 1);
}

bool is_lone_quoted(const AddressTokens& tokens) {
    return tokens.size() == 1 && tokens[0].type == AddressTokenType::kQuoted;
}

// True when something in the local part names another destination.
bool has_route(AddressTokens& tokens) {
    return last_special(tokens, '@') != tokens.end() ||
           (conf().swap_bangpath() && last_special(tokens, '!') != tokens.end()) ||
           (conf().allow_percent_hack() && last_special(tokens, '%') != tokens.end());
}

// Where a route hides in a quoted local part ("user@other"@here), opens the quotes.  Not what the
// standard says, but next hops that unquote would otherwise relay for everybody.
bool open_quoted_route(AddressTokens& tokens) {
    if (!conf().resolve_dequoted_address() || !is_lone_quoted(tokens)) {
        return false;
    }
    std::string text = tokens[0].text;
    std::size_t at = text.rfind('@');
    if (at == std::string::npos && conf().allow_percent_hack()) {
        at = text.rfind('%');
    }
    if (at == std::string::npos && conf().swap_bangpath()) {
        at = text.rfind('!');
    }
    if (at == std::string::npos) {
        return false;
    }
    if (text[at] == '%') {
        text[at] = '@';
    }
    tokens[0].text = text;
    std::string opened = print_tokens(tokens, TokenForm::kInternal);
    if (text[at] == '@') {
        opened = quote_address(opened);
    }
    tokens = tokenize_address(opened, opened.size() + 1);
    return true;
}

// Other hosts may take these for routes, whatever ours does with them.
bool routes_elsewhere(std::string_view address) {
    std::string_view local_part = address.substr(0, address.rfind('@'));
    return local_part.find_first_of("@!%") != std::string_view::npos;
}

enum class Strip { kRemote, kLocal, kFailed };

// Strips "@domain" where the domain is ours, and keeps the last one stripped.
Task<Strip> strip_domain(const LocalDomains* local, AddressTokens* tokens, AddressTokens* kept) {
    strip_final_dot(*tokens);
    if (conf().resolve_null_domain() && !tokens->empty() && tokens->back().is('@')) {
        tokens->pop_back();
    }
    auto at = last_special(*tokens, '@');
    if (at == tokens->end()) {
        co_return Strip::kLocal;
    }
    AddressTokens domain(at, tokens->end());
    if (domain.size() > 1) {
        std::string name = print_tokens({domain.begin() + 1, domain.end()}, TokenForm::kInternal);
        Match ours = co_await local->match(std::move(name));
        if (ours != Match::kYes) {
            co_return ours == Match::kError ? Strip::kFailed : Strip::kRemote;
        }
    }
    at = last_special(*tokens, '@');
    tokens->erase(at, tokens->end());
    *kept = std::move(domain);
    co_return Strip::kLocal;
}

void set_address(RecipientAddress& out, AddressTokens& tokens, AddressTokens& kept_domain) {
    if (out.is_local) {
        if (kept_domain.empty()) {
            kept_domain = tokenize_address("@" + conf().myhostname());
        }
        tokens.insert(tokens.end(), kept_domain.begin(), kept_domain.end());
    }
    out.address = print_tokens(tokens, TokenForm::kInternal);
}

}  // namespace

// A bare network address as a domain is none, unless resolve_numeric_domain puts it in brackets.
Task<void> check_domain(const LocalDomains* local, RecipientAddress* out) {
    std::string domain = out->domain();
    bool utf8 = conf().smtputf8_enable();
    bool garbled = utf8 && !is_utf8(out->address);
    if (domain.starts_with('[')) {
        // RFC 5321 4.1.3: an IPv6 address has its tag.
        bool untagged = domain.contains(':') && !istarts_with(domain, "[IPv6:");
        out->malformed = untagged || !is_address_literal(domain);
    } else if (!garbled && (utf8 || is_ascii(domain)) && is_hostname(domain)) {
        co_return;
    } else if (!garbled && conf().resolve_numeric_domain() && is_ip_address(domain)) {
        std::size_t at = out->address.rfind('@');
        out->address = out->address.substr(0, at + 1) + "[" + domain + "]";
        Match ours = co_await local->match(out->domain());
        out->is_local = out->is_local || ours == Match::kYes;
        out->failed = ours == Match::kError;
    } else {
        out->malformed = true;
    }
}

// Nearly all addresses: of words alone, with one domain, so that there is nothing to take apart.
static Task<RecipientAddress> find_plain_recipient(const LocalDomains* local, std::string address) {
    RecipientAddress out;
    Match ours = co_await local->match(address.substr(address.rfind('@') + 1));
    if (ours == Match::kError) {
        out.failed = true;
        co_return out;
    }
    out.address = std::move(address);
    out.is_local = ours == Match::kYes;
    co_await check_domain(local, &out);
    co_return out;
}

Task<RecipientAddress> find_recipient(const LocalDomains* local, const AddressRewriter* rewriter,
                                      std::string address) {
    if (address.contains('@') && is_plain_address(address)) {
        co_return co_await find_plain_recipient(local, std::move(address));
    }
    RecipientAddress out;
    AddressTokens tokens = tokens_of(address);
    AddressTokens kept_domain;
    // Each round takes one destination away, so there are fewer of them than bytes.
    for (std::size_t round = 0; round < address.size() + 100; ++round) {
        Strip stripped = co_await strip_domain(local, &tokens, &kept_domain);
        if (stripped == Strip::kFailed) {
            out.failed = true;
            co_return out;
        }
        if (stripped == Strip::kRemote) {
            break;
        }
        if (!has_route(tokens) && !open_quoted_route(tokens)) {
            out.is_local = true;
            break;
        }
        rewriter->rewrite_tokens(tokens);
    }
    if (out.is_local && (tokens.empty() || (is_lone_quoted(tokens) && tokens[0].text.empty()))) {
        tokens = tokenize_address(kMailerDaemon);
    }
    set_address(out, tokens, kept_domain);
    co_await check_domain(local, &out);
    out.routed = !out.malformed && routes_elsewhere(out.address);
    co_return out;
}

}  // namespace relais
