// Aliases, .forward files and :include: files: what an address is expanded to.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"

#include "local/job.h"

namespace relais::local_agent {

namespace {

constexpr std::size_t kMostExpansion = std::size_t{8} << 20;

std::string_view source_word(Source source) {
    switch (source) {
        case Source::kAlias:
            return "alias";
        case Source::kForward:
            return "forward";
        case Source::kInclude:
            return "include";
        case Source::kRequest:
            return "";
    }
    return "";
}

bool is_allowed(const std::string& parameter, Source source) {
    // What the configuration itself names needs no leave.
    if (source == Source::kRequest) {
        return true;
    }
    auto words = split_words(parameter, ", \t\r\n");
    return std::ranges::any_of(
        words, [&](std::string_view word) { return iequals(word, source_word(source)); });
}

// An alias has the rights of the table file's owner; root's and unknown owners' have none of their
// own.
std::optional<Account> owner_of_table(const Table& table) {
    struct stat info{};
    bool found = ::stat((table.name() + ".db").c_str(), &info) == 0 ||
                 ::stat(table.name().c_str(), &info) == 0;
    if (!found || info.st_uid == 0) {
        return std::nullopt;
    }
    const passwd* entry = ::getpwuid(info.st_uid);
    if (entry == nullptr) {
        return std::nullopt;
    }
    return Account{.name = entry->pw_name,
                   .home = entry->pw_dir,
                   .shell = entry->pw_shell,
                   .ids = {entry->pw_uid, entry->pw_gid}};
}

DeliveryStatus alias_trouble(const Address& address) {
    return DeliveryStatus::of(DsnCode(4, 3, 0),
                              "alias database unavailable for " + address.recipient.address);
}

}  // namespace

Task<Job::Tried> Job::try_alias(const Address* address, std::string name) {
    // The name that an alias gives for itself is the user.
    if (!address->aliases.empty() && address->aliases.back() == name) {
        co_return std::nullopt;
    }
    // As Postfix counts, the alias of the recipient itself may come up once more.
    bool again = std::ranges::find(address->aliases, name) != address->aliases.end();
    if (again && address->aliases.front() != name) {
        log_warning("alias database loop for {}", name);
        co_return co_await fail_with(
            address, DeliveryStatus::of(DsnCode(5, 4, 6), "alias database loop for " + name));
    }
    for (const auto& table : site_->aliases.tables()) {
        Lookup found = table->find(name);
        if (found.is_missing()) {
            continue;
        }
        if (found.is_error()) {
            log_warning("table {}: lookup {}: {}", table->reference(), name, found.reason());
            co_return co_await fail_with(address, alias_trouble(*address));
        }
        if (seen("alias " + name) && !again) {
            co_return Disposition::kDone;
        }
        Address expanded = *address;
        expanded.source = Source::kAlias;
        expanded.expanding = name;
        expanded.aliases.push_back(name);
        expanded.rights = owner_of_table(*table);
        co_await take_owner(&expanded, name);
        co_return co_await deliver_text(&expanded, found.value());
    }
    co_return std::nullopt;
}

// owner-NAME becomes the sender of what alias NAME expands to.
Task<void> Job::take_owner(Address* address, std::string name) {
    std::string owner = "owner-" + name;
    Lookup found = site_->aliases.find(owner);
    if (found.is_missing() || found.is_error()) {
        co_return;
    }
    std::string text = conf().expand_owner_alias() ? found.value() : owner;
    auto canonical = co_await site_->rewrite.rewrite(RewriteContext::kLocal, quote_address(text));
    if (canonical) {
        address->owner = unquote_address(*canonical);
        address->sender = address->owner;
        address->recipient.notify = kNotifyNone;
        address->recipient.original.clear();
        address->recipient.dsn_orig_rcpt.clear();
    }
}

Task<Job::Tried> Job::try_forward_files(const Address* address, const Account* account) {
    if (address->source == Source::kForward && iequals(address->expanding, address->user)) {
        co_return std::nullopt;
    }
    for (std::string_view pattern : split_words(conf().forward_path(), ", \t\r\n")) {
        bool uses_extension = pattern.find("extension") != std::string_view::npos;
        if (uses_extension && address->extension.empty()) {
            continue;
        }
        std::string path =
            expand_path(std::string(pattern), *address, account, conf().forward_expansion_filter());
        Result<std::string> text = fail(Errc::kNotFound, "");
        {
            ActingAs user(site_->identity, account->ids);
            struct stat info{};
            if (::lstat(path.c_str(), &info) != 0) {
                continue;
            }
            bool trusted = S_ISREG(info.st_mode) && (info.st_mode & 022) == 0 &&
                           (info.st_uid == 0 || info.st_uid == account->ids.uid);
            if (!trusted) {
                log_warning("{}: file is not a regular file of its owner: ignored", path);
                continue;
            }
            text = read_file(path, kMostExpansion);
        }
        if (!text) {
            log_warning("{}", text.error().message);
            continue;
        }
        // An empty file is no file; the mail stays here.
        if (parse_places(*text).empty()) {
            break;
        }
        if (seen("forward " + path)) {
            co_return Disposition::kDone;
        }
        Address expanded = *address;
        expanded.source = Source::kForward;
        expanded.expanding = address->user;
        expanded.rights = *account;
        co_return co_await deliver_text(&expanded, std::move(*text));
    }
    co_return std::nullopt;
}

Task<Disposition> Job::deliver_text(const Address* from, std::string text) {
    Disposition outcome = Disposition::kDone;
    std::vector<Place> places = parse_places(text);
    if (places.empty()) {
        log_warning("no recipients found in the expansion of {}", from->expanding);
    }
    for (const Place& place : places) {
        Disposition one = co_await deliver_place(from, &place);
        outcome = both(outcome, one);
    }
    co_return outcome;
}

Task<Disposition> Job::deliver_place(const Address* from, const Place* place) {
    auto refused = [](std::string_view what) {
        return DeliveryStatus::of(DsnCode(5, 7, 1), format("mail to {} is restricted", what));
    };
    switch (place->kind) {
        case Place::Kind::kInclude:
            return deliver_include(from, place->text);
        case Place::Kind::kCommand:
            if (!is_allowed(conf().allow_mail_to_commands(), from->source)) {
                return fail_with(from, refused("command"));
            }
            return deliver_command(from, place->text,
                                   from->rights ? *from->rights : default_account(),
                                   conf().local_command_shell());
        case Place::Kind::kFile:
            if (!is_allowed(conf().allow_mail_to_files(), from->source)) {
                return fail_with(from, refused("file"));
            }
            return deliver_file(from, place->text);
        case Place::Kind::kAddress:
            break;
    }
    return deliver_new_address(from, place->text);
}

Task<Disposition> Job::deliver_include(const Address* from, std::string path) {
    if (seen("include " + path)) {
        co_return Disposition::kDone;
    }
    Account account = from->rights ? *from->rights : default_account();
    Result<std::string> text = fail(Errc::kNotFound, "");

    struct stat info{};
    {
        ActingAs user(site_->identity, account.ids);
        text = read_file(path, kMostExpansion);
        if (text && ::stat(path.c_str(), &info) != 0) {
            text = fail_errno("stat " + path);
        }
    }

    if (!text) {
        int error = text.error().sys_errno;
        log_warning("unable to lookup :include: file {}: {}", path, std::strerror(error));
        bool missing = error == ENOENT || error == EACCES;
        DsnCode code = missing ? DsnCode(5, 3, 5) : DsnCode(4, 3, 5);
        co_return co_await fail_with(from,
                                     DeliveryStatus::of(code, "mail system configuration error"));
    }
    Address included = *from;
    included.source = Source::kInclude;
    ++included.level;
    if (included.level > 100) {
        co_return co_await fail_with(
            from, DeliveryStatus::of(DsnCode(5, 4, 6), "possible :include: loop"));
    }
    co_return co_await deliver_text(&included, std::move(*text));
}

// An address out of an expansion: delivered here when it is local, sent on when it is not.
Task<Disposition> Job::deliver_new_address(const Address* from, std::string text) {
    Address next = *from;
    ++next.level;
    next.mailbox_only = text.starts_with('\\');
    if (next.mailbox_only) {
        text.erase(0, 1);
    }
    auto canonical = co_await site_->rewrite.rewrite(RewriteContext::kLocal, quote_address(text));
    if (!canonical) {
        co_return co_await fail_with(
            from, DeliveryStatus::of(DsnCode(4, 3, 0), "address rewriting failure"));
    }
    auto resolved = co_await site_->rewrite.resolve(next.sender, unquote_address(*canonical));
    if (!resolved || resolved->failed()) {
        co_return co_await fail_with(
            from, DeliveryStatus::of(DsnCode(4, 3, 0), "address resolver failure"));
    }
    if (resolved->bad_address()) {
        co_return co_await fail_with(
            from, DeliveryStatus::of(DsnCode(5, 1, 3), "bad recipient address syntax"));
    }
    next.recipient.address = resolved->recipient;
    if (resolved->transport == site_->service) {
        co_return co_await deliver_address(std::move(next));
    }
    co_return co_await send_on(&next);
}

// What leaves this machine, and what a user or the owner of a list sends on, becomes part of a new
// message.
Task<Disposition> Job::send_on(const Address* address) {
    if (seen("indirect " + lowercase(address->recipient.address))) {
        co_return Disposition::kDone;
    }
    if (delivery_->is_probe()) {
        co_return co_await succeed(
            address,
            DeliveryStatus::of(DsnCode(2, 0, 0), "forwards to " + address->recipient.address));
    }
    forwarder_.add(*address);
    co_return Disposition::kDone;
}

}  // namespace relais::local_agent
