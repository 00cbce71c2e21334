#include "smtp/generic.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"
#include "lib/mail/header.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

static bool propagates(const Config& config) {
    for (std::string_view word : split_words(config.propagate_unmatched_extensions(), ", \t\r\n")) {
        if (iequals(word, "generic")) {
            return true;
        }
    }
    return false;
}

Generic::Generic(const Config& config, const std::string& prefix)
    : tables_(prefix + "_generic_maps", config.text_value(prefix + "_generic_maps")),
      lookup_(&tables_, &local_domains_),
      propagate_extension_(propagates(config)),
      origin_(config.myorigin()),
      token_limit_(static_cast<std::size_t>(config.header_address_token_limit())) {
}

void Generic::fail_lookup(const std::string& internal) const {
    log_warning("{} map lookup problem for {}", tables_.title(), printable(internal));
    throw TableFailure(tables_.title() + " map lookup problem");
}

Task<std::string> Generic::address(std::string internal) const {
    AddressMatch match = co_await lookup_.lookup(internal);
    if (match.lookup.is_error()) {
        fail_lookup(internal);
    }
    if (!match.lookup.is_found()) {
        co_return internal;
    }
    std::string value(trim(match.lookup.value()));
    if (value.starts_with('@') && value.rfind('@') == 0 && !value.contains(',')) {
        co_return std::string(split_address(internal).local) + value;
    }
    AddressList list = AddressList::parse(value);
    if (list.size() == 0) {
        log_warning("{} lookup of {} returns non-address result \"{}\"", tables_.title(),
                    printable(internal), printable(match.lookup.value()));
        fail_lookup(internal);
    }
    if (list.size() > 1) {
        log_warning("multi-valued {} result for {}", tables_.title(), printable(internal));
    }
    std::string mapped = list.internal(0);
    if (mapped.empty()) {
        co_return mapped;
    }
    AddressParts parts = split_address(mapped);
    std::string local(parts.local);
    std::string domain = parts.has_domain ? std::string(parts.domain) : origin_;
    co_return local + (propagate_extension_ ? match.extension : "") + "@" + domain;
}

Task<std::string> Generic::header(std::string text) const {
    const HeaderInfo* info = find_header(text);
    if (info == nullptr || (info->traits & (kHeaderSender | kHeaderRecipient)) == 0) {
        co_return text;
    }
    std::size_t colon = text.find(':');
    AddressList list = AddressList::parse(std::string_view(text).substr(colon + 1), token_limit_);
    bool changed = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
        std::string before = list.internal(i);
        if (before.empty()) {
            continue;
        }
        std::string after = co_await address(before);
        if (after != before) {
            list.set_external(i, quote_address(after));
            changed = true;
        }
    }
    if (!changed) {
        co_return text;
    }
    co_return fold_header(text.substr(0, colon) + ": " +
                          list.print(AddressList::Separator::kNewline));
}

}  // namespace relais::smtp_client
