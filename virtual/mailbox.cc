#include "virtual/mailbox.h"

#include <limits>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais::virtual_agent {

namespace {

// What decides over ids and paths is not taken from tables that anyone could answer for, or from
// the text of an address.
constexpr TableFlags kTrusted = table_flag::kMail | table_flag::kParanoid;

DeliveryStatus configuration_error() {
    return DeliveryStatus::of(DsnCode(4, 3, 5), "mail system configuration error");
}

// The number at the beginning, as Postfix takes it: what follows (further rows of an SQL table,
// say) is not looked at.
std::optional<std::int64_t> leading_number(std::string_view text) {
    std::string_view number = trim_left(text);
    std::size_t sign = number.starts_with('+') || number.starts_with('-') ? 1 : 0;
    return parse_int(number.substr(0, number.find_first_not_of("0123456789", sign)));
}

}  // namespace

MailboxMaps::MailboxMaps()
    : mailbox_tables_("virtual_mailbox_maps", conf().virtual_mailbox_maps(), kTrusted),
      uid_tables_("virtual_uid_maps", conf().virtual_uid_maps(), kTrusted),
      gid_tables_("virtual_gid_maps", conf().virtual_gid_maps(), kTrusted),
      mailboxes_(&mailbox_tables_, &local_domains_),
      uids_(&uid_tables_, &local_domains_),
      gids_(&gid_tables_, &local_domains_) {
}

std::expected<std::string, DeliveryStatus> MailboxMaps::find_path(
    const std::string& recipient) const {
    AddressMatch match = mailboxes_.find(recipient);
    if (match.lookup.is_error()) {
        log_warning("table virtual_mailbox_maps: lookup {}: {}", recipient, match.lookup.reason());
        return std::unexpected(configuration_error());
    }
    if (match.lookup.is_missing()) {
        return std::unexpected(
            DeliveryStatus::of(DsnCode(5, 1, 1), format("unknown user: \"{}\"", recipient)));
    }
    const std::string& base = conf().virtual_mailbox_base();
    if (!base.starts_with('/')) {
        log_warning("do not specify relative pathname: virtual_mailbox_base = {}", base);
        return std::unexpected(configuration_error());
    }
    return base + "/" + match.lookup.value();
}

std::expected<long, DeliveryStatus> MailboxMaps::find_id(const AddressLookup& maps,
                                                         const TableSet& tables,
                                                         const std::string& recipient,
                                                         std::string_view what, long least) const {
    AddressMatch match = maps.find(recipient);
    if (match.lookup.is_error()) {
        log_warning("table {}: lookup {}: {}", tables.title(), recipient, match.lookup.reason());
        return std::unexpected(configuration_error());
    }
    if (match.lookup.is_missing()) {
        log_warning("recipient {}: not found in {}", recipient, tables.title());
        return std::unexpected(configuration_error());
    }
    auto id = leading_number(match.lookup.value());
    // The largest value means "no change" to the system calls.
    if (!id || *id < least || *id >= std::numeric_limits<uid_t>::max()) {
        log_warning("recipient {}: bad {} {} in {}", recipient, what, match.lookup.value(),
                    tables.title());
        return std::unexpected(configuration_error());
    }
    return *id;
}

std::expected<Mailbox, DeliveryStatus> MailboxMaps::find(const std::string& recipient) const {
    auto path = find_path(recipient);
    if (!path) {
        return std::unexpected(path.error());
    }
    auto uid = find_id(uids_, uid_tables_, recipient, "uid", conf().virtual_minimum_uid());
    if (!uid) {
        return std::unexpected(uid.error());
    }
    auto gid = find_id(gids_, gid_tables_, recipient, "gid", 1);
    if (!gid) {
        return std::unexpected(gid.error());
    }
    return Mailbox{*path, {static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)}};
}

}  // namespace relais::virtual_agent
