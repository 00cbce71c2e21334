#include "lib/rules/address_rewriter.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/mail/address.h"
#include "lib/rules/local_domains.h"

namespace relais {

namespace {

AddressToken special(char c) {
    return {AddressTokenType::kSpecial, std::string(1, c), false};
}

void append(AddressTokens& tokens, const AddressTokens& more) {
    tokens.insert(tokens.end(), more.begin(), more.end());
}

bool is_null_address(const AddressTokens& tokens) {
    return tokens.empty() || (tokens.size() == 1 && tokens[0].type == AddressTokenType::kQuoted &&
                              tokens[0].text.empty());
}

// RFC 5321 appendix C: "@a,@b:user@domain" means the same as "user@domain".
void strip_source_route(AddressTokens& tokens) {
    if (!tokens.front().is('@')) {
        return;
    }
    auto colon = first_special(tokens, ':');
    if (colon != tokens.end() && colon + 1 != tokens.end()) {
        tokens.erase(tokens.begin(), colon + 1);
    }
}

// site!user becomes user@site.
void swap_bang_path(AddressTokens& tokens) {
    auto bang = first_special(tokens, '!');
    if (bang == tokens.end()) {
        return;
    }
    AddressTokens swapped(bang + 1, tokens.end());
    swapped.push_back(special('@'));
    swapped.insert(swapped.end(), tokens.begin(), bang);
    tokens = std::move(swapped);
}

// Whether mail for the domain has a place of its own, other than the Internet.
bool has_address_class(const std::string& domain) {
    if (LocalDomains().matches(domain) == Match::kYes) {
        return true;
    }
    for (std::string_view name : {"virtual_alias_domains", "virtual_mailbox_domains"}) {
        const MatchList list(std::string(name), conf().text_value(name), MatchList::Kind::kString);
        if (list.matches(domain) == Match::kYes) {
            return true;
        }
    }
    const MatchList relay("relay_domains", conf().relay_domains(), MatchList::Kind::kDomain,
                          parent_style("relay_domains"));
    return relay.matches(domain) == Match::kYes;
}

}  // namespace

AddressTokens::iterator first_special(AddressTokens& tokens, char special) {
    return std::ranges::find_if(tokens, [=](const AddressToken& t) { return t.is(special); });
}

AddressTokens::iterator last_special(AddressTokens& tokens, char special) {
    for (auto it = tokens.end(); it != tokens.begin();) {
        --it;
        if (it->is(special)) {
            return it;
        }
    }
    return tokens.end();
}

void strip_final_dot(AddressTokens& tokens) {
    if (tokens.size() < 2 || !tokens.back().is('.')) {
        return;
    }
    const AddressToken& before = tokens[tokens.size() - 2];
    if (!before.is('.') && !before.is('@')) {
        tokens.pop_back();
    }
}

AddressRewriter::AddressRewriter(std::string_view origin, std::string_view domain)
    : origin_(tokenize_address(origin)),
      domain_(tokenize_address(domain)),
      says_so_(in_force(OldDefault::kAppendDotMydomain)),
      localhost_is_known_(says_so_ && has_address_class("localhost")) {
}

AddressRewriter AddressRewriter::local() {
    return {conf().myorigin(), conf().mydomain()};
}

AddressRewriter AddressRewriter::remote() {
    const std::string& domain = conf().remote_header_rewrite_domain();
    return {domain, domain};
}

std::string AddressRewriter::rewrite(std::string_view address) const {
    AddressTokens tokens = tokenize_address(address, address.size() + 1);
    rewrite_tokens(tokens);
    std::string internal = print_tokens(tokens, TokenForm::kInternal);
    return internal.empty() ? "\"\"" : quote_address(internal);
}

void AddressRewriter::rewrite_tokens(AddressTokens& tokens) const {
    if (is_null_address(tokens)) {
        return;
    }
    if (tokens.size() == 1 && tokens[0].is('@')) {
        tokens.clear();
        return;
    }
    strip_source_route(tokens);
    if (last_special(tokens, '@') == tokens.end() && conf().swap_bangpath()) {
        swap_bang_path(tokens);
    }
    if (last_special(tokens, '@') == tokens.end() && conf().allow_percent_hack()) {
        auto percent = last_special(tokens, '%');
        if (percent != tokens.end()) {
            *percent = special('@');
        }
    }
    complete_domain(tokens);
    strip_final_dot(tokens);
}

void AddressRewriter::complete_domain(AddressTokens& tokens) const {
    auto at = last_special(tokens, '@');
    if (at == tokens.end() && conf().append_at_myorigin() && !origin_.empty()) {
        tokens.push_back(special('@'));
        append(tokens, origin_);
        at = last_special(tokens, '@');
    }
    if (at == tokens.end() || at + 1 == tokens.end() || !conf().append_dot_mydomain() ||
        domain_.empty()) {
        return;
    }
    bool is_complete = std::any_of(at, tokens.end(), [](const AddressToken& t) {
        return t.is('.') || t.type == AddressTokenType::kLiteral;
    });
    if (!is_complete) {
        append_domain(tokens, at);
    }
}

void AddressRewriter::append_domain(AddressTokens& tokens, AddressTokens::const_iterator at) const {
    std::string domain;
    if (says_so_) {
        domain = print_tokens(AddressTokens(at + 1, tokens.cend()), TokenForm::kInternal);
    }
    tokens.push_back(special('.'));
    append(tokens, domain_);
    bool is_localhost = iequals(domain, "localhost");
    if (!says_so_ || (is_localhost && localhost_is_known_)) {
        return;
    }
    log_old_default(
        OldDefault::kAppendDotMydomain,
        format("to rewrite \"{}\" to \"{}.{}\"{}", domain, domain,
               print_tokens(domain_, TokenForm::kInternal),
               is_localhost ? "; please add \"localhost\" to mydestination or other address class"
                            : ""));
}

}  // namespace relais
