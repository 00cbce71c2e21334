#include "tools/postdrop/sender_access.h"

#include <algorithm>

#include <pwd.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/mail/address.h"
#include "lib/maps/table_set.h"

namespace relais {

bool sender_matches(std::string_view pattern, std::string_view sender) {
    if (pattern == "*") {
        return true;
    }
    if (sender.empty()) {
        return pattern == conf().empty_address_local_login_sender_maps_lookup_key();
    }
    if (pattern.starts_with('@')) {
        const auto at = sender.rfind('@');
        return at != std::string_view::npos && iequals(sender.substr(at), pattern);
    }
    const auto stripped = strip_extension(sender, conf().recipient_delimiter(),
                                          conf().double_bounce_sender(), OwnerRequest::kOrdinary);
    return iequals(pattern, sender) || (stripped && iequals(pattern, stripped->address));
}

SenderAccess SenderAccess::of_user(uid_t uid) {
    SenderAccess access;
    const auto& list = conf().local_login_sender_maps();
    if (list == "static:*") {  // the default needs no table
        access.patterns_ = "*";
        return access;
    }
    const passwd* user = ::getpwuid(uid);
    const std::string login = user != nullptr ? user->pw_name : format("uid:{}", uid);
    const TableSet tables("local_login_sender_maps", list);
    const Lookup found = tables.find(login);
    if (found.is_error()) {
        access.trouble_ = {kCleanupWrite,
                           format("local_login_sender_maps table lookup error for '{}'", list)};
    } else if (found.is_found()) {
        access.patterns_ = found.value();
    }
    return access;
}

SenderVerdict SenderAccess::check(std::string_view sender) const {
    if (trouble_.status != 0) {
        return trouble_;
    }
    const auto words = split_words(patterns_, ", \t\r\n");
    if (std::ranges::any_of(words, [&](auto word) { return sender_matches(word, sender); })) {
        return {};
    }
    return {kCleanupDenied, format("not authorized to use sender='{}'", sender)};
}

}  // namespace relais
