// Keys of access tables: see the header.
#include "smtpd/access_keys.h"

#include "lib/mail/address.h"

namespace relais::smtpd {

AccessKeys keys_of_domain(std::string_view domain, ParentStyle style) {
    AccessKeys keys = {{std::string(domain), KeyKind::kWhole}};
    for (auto dot = domain.find('.', 1); dot != std::string_view::npos && dot + 1 < domain.size();
         dot = domain.find('.', dot + 1)) {
        const auto parent = domain.substr(style == ParentStyle::kPlain ? dot + 1 : dot);
        keys.push_back({std::string(parent), KeyKind::kPartial});
    }
    return keys;
}

AccessKeys keys_of_network(std::string_view address) {
    AccessKeys keys = {{std::string(address), KeyKind::kWhole}};
    const char separator = address.find(':') == std::string_view::npos ? '.' : ':';
    for (auto at = address.rfind(separator); at != std::string_view::npos && at > 0;
         at = address.rfind(separator)) {
        address = address.substr(0, at);
        keys.push_back({std::string(address), KeyKind::kPartial});
    }
    return keys;
}

// An address or local part in its external form, and in the internal one where that differs.
static void add_both_forms(AccessKeys& keys, std::string external, std::string_view internal,
                           KeyKind kind) {
    const bool differs = external != internal;
    keys.push_back({std::move(external), kind});
    if (differs) {
        keys.push_back({std::string(internal), kind});
    }
}

AccessKeys keys_of_address(std::string_view address, std::string_view delimiters,
                           std::string_view double_bounce, ParentStyle style) {
    const auto parts = split_address(address);
    const auto bare = strip_extension(address, delimiters, double_bounce);
    AccessKeys keys;
    add_both_forms(keys, quote_address(address), address, KeyKind::kWhole);
    if (bare) {
        add_both_forms(keys, quote_address(bare->address), bare->address, KeyKind::kPartial);
    }
    for (auto& key : keys_of_domain(parts.domain, style)) {
        keys.push_back({std::move(key.text), KeyKind::kPartial});
    }
    const auto add_local_part = [&keys](std::string_view local) {
        add_both_forms(keys, quote_local_part(local) + "@", std::string(local) + "@",
                       KeyKind::kPartial);
    };
    add_local_part(parts.local);
    if (bare) {
        add_local_part(split_address(bare->address).local);
    }
    return keys;
}

}  // namespace relais::smtpd
