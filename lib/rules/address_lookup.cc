#include "lib/rules/address_lookup.h"

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/mail/casefold.h"

namespace relais {

struct AddressLookup::Parts {
    std::string full;
    std::string bare;       // without the extension; empty where there is none
    std::string extension;  // "+news"
    std::string domain;
    bool has_domain = false;
};

AddressLookup::AddressLookup(const TableSet* tables, const LocalDomains* local, unsigned forms,
                             KeyForm key_form)
    : tables_(tables), local_(local), forms_(forms), key_form_(key_form) {
}

AddressLookup::Parts AddressLookup::take_apart(std::string address) {
    Parts parts;
    parts.full = std::move(address);
    auto split = split_address(parts.full);
    parts.domain = std::string(split.domain);
    parts.has_domain = split.has_domain;
    auto stripped =
        strip_extension(parts.full, conf().recipient_delimiter(), conf().double_bounce_sender());
    if (stripped) {
        parts.bare = std::move(stripped->address);
        parts.extension = std::move(stripped->delimited_extension);
    }
    return parts;
}

std::vector<AddressLookup::Key> AddressLookup::first_keys(const Parts& parts) const {
    std::vector<Key> keys;
    if ((forms_ & find_form::kFull) != 0) {
        keys.push_back({parts.full, KeyKind::kWhole, {}});
    }
    if ((forms_ & find_form::kNoExtension) != 0 && !parts.bare.empty()) {
        keys.push_back({parts.bare, KeyKind::kPartial, parts.extension});
    }
    return keys;
}

void AddressLookup::add_local_parts(std::vector<Key>& keys, const Parts& parts,
                                    std::string_view after) const {
    auto local_part = [&](const std::string& address) {
        return address.substr(0, address.rfind('@')) + std::string(after);
    };
    keys.push_back({local_part(parts.full), KeyKind::kPartial, {}});
    if (!parts.bare.empty()) {
        keys.push_back({local_part(parts.bare), KeyKind::kPartial, parts.extension});
    }
}

std::vector<AddressLookup::Key> AddressLookup::later_keys(const Parts& parts, Match local) const {
    std::vector<Key> keys;
    if (!parts.has_domain) {
        return keys;
    }
    if (local == Match::kYes && (forms_ & find_form::kLocalPartIfLocal) != 0) {
        add_local_parts(keys, parts, "");
    }
    if (local == Match::kYes && (forms_ & find_form::kLocalPartAtIfLocal) != 0) {
        add_local_parts(keys, parts, "@");
    }
    if ((forms_ & find_form::kLocalPartAt) != 0) {
        add_local_parts(keys, parts, "@");
    }
    if ((forms_ & find_form::kAtDomain) != 0) {
        keys.push_back({"@" + parts.domain, KeyKind::kPartial, {}});
    }
    if ((forms_ & find_form::kDomain) != 0) {
        keys.push_back({parts.domain, KeyKind::kPartial, {}});
    }
    unsigned parents = forms_ & (find_form::kDottedParents | find_form::kPlainParents);
    if (parents != 0) {
        std::size_t skip = (parents & find_form::kPlainParents) != 0 ? 1 : 0;
        for (std::size_t dot = parts.domain.find('.', 1); dot < parts.domain.size();
             dot = parts.domain.find('.', dot + 1)) {
            keys.push_back({parts.domain.substr(dot + skip), KeyKind::kPartial, {}});
        }
    }
    return keys;
}

// Only the local part is ever quoted, so keys without one have a single form.
std::vector<std::string> AddressLookup::key_texts(const Key& key) const {
    if (key_form_ == KeyForm::kInternal || key.text.starts_with('@')) {
        return {key.text};
    }
    std::string external = quote_address(key.text);
    if (key_form_ == KeyForm::kExternal || external == key.text) {
        return {external};
    }
    return {external, key.text};
}

Task<AddressMatch> AddressLookup::try_keys(const std::vector<Key>* keys, Waiting waiting) const {
    AddressMatch match;
    for (const Key& key : *keys) {
        for (const std::string& text : key_texts(key)) {
            if (waiting == Waiting::kSuspend && tables_->waits()) {
                match.lookup = co_await tables_->lookup(text, key.kind);
            } else {
                match.lookup = tables_->find(text, key.kind);
            }
            if (!match.lookup.is_missing()) {
                match.extension = key.lost_extension;
                co_return match;
            }
        }
    }
    co_return match;
}

Task<Match> AddressLookup::is_local(std::string domain, Waiting waiting) const {
    constexpr unsigned kAsking = find_form::kLocalPartIfLocal | find_form::kLocalPartAtIfLocal;
    if ((forms_ & kAsking) == 0 || local_ == nullptr) {
        co_return Match::kNo;
    }
    if (fold_case(domain) == fold_case(conf().myorigin())) {
        co_return Match::kYes;
    }
    if (waiting == Waiting::kSuspend) {
        co_return co_await local_->match(std::move(domain));
    }
    co_return local_->matches(domain);
}

Task<AddressMatch> AddressLookup::search(std::string address, Waiting waiting) const {
    if (tables_->empty() || address.empty()) {
        co_return AddressMatch();
    }
    Parts parts = take_apart(std::move(address));
    auto keys = first_keys(parts);
    AddressMatch match = co_await try_keys(&keys, waiting);
    if (!match.lookup.is_missing() || !parts.has_domain) {
        co_return match;
    }
    Match local = co_await is_local(parts.domain, waiting);
    if (local == Match::kError) {
        match.lookup = Lookup::retry("mydestination lookup error");
        co_return match;
    }
    keys = later_keys(parts, local);
    match = co_await try_keys(&keys, waiting);
    co_return match;
}

}  // namespace relais
