// The address itself: loops, its parts, and the order in which it is tried.
#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/config/utf8_mode.h"
#include "lib/mail/address.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

std::optional<std::string> name_value(const Branch& branch, std::string_view name) {
    auto known = [](const std::string& text) {
        return text.empty() ? std::nullopt : std::optional(text);
    };
    if (name == "home") {
        return branch.rights ? known(branch.rights->home) : std::nullopt;
    }
    if (name == "shell") {
        return branch.rights ? known(branch.rights->shell) : std::nullopt;
    }
    if (name == "user") {
        return known(branch.user);
    }
    if (name == "local") {
        return known(branch.local);
    }
    if (name == "domain") {
        return known(branch.domain);
    }
    if (name == "recipient") {
        return known(branch.rcpt.address);
    }
    if (name == "extension") {
        return known(branch.extension);
    }
    if (name == "recipient_delimiter") {
        return branch.delimiter.empty() ? known(conf().recipient_delimiter())
                                        : known(branch.delimiter);
    }
    return std::nullopt;
}

}  // namespace

ExpandedText expand_local(const Branch& branch, std::string_view parameter, std::string_view text,
                          std::string_view filter) {
    ExpandOptions options;
    options.lookup = [&branch](std::string_view name) { return name_value(branch, name); };
    options.filter = filter;
    auto expanded = expand(text, options);
    if (!expanded) {
        log_fatal("bad parameter value syntax for {}: {}", parameter, text);
    }
    return {std::move(expanded->text), expanded->undefined};
}

void set_address(Branch& branch, Recipient recipient) {
    branch.rcpt = std::move(recipient);
    AddressParts parts = split_address(branch.rcpt.address);
    branch.local = fold_text(parts.local);
    branch.domain = parts.has_domain ? fold_text(parts.domain) : conf().myhostname();
    branch.user = branch.local;
    branch.extension.clear();
    branch.delimiter.clear();
    auto requests =
        conf().owner_request_special() ? OwnerRequest::kReserved : OwnerRequest::kOrdinary;
    auto at = find_extension(branch.local, conf().recipient_delimiter(),
                             conf().double_bounce_sender(), requests);
    if (at) {
        branch.user = branch.local.substr(0, *at);
        branch.delimiter = branch.local.substr(*at, 1);
        branch.extension = branch.local.substr(*at + 1);
    }
    branch.unmatched = branch.extension;
}

bool Expansion::seen(const std::string& what) {
    int limit = conf().duplicate_filter_limit();
    if (seen_.contains(what)) {
        return true;
    }
    if (limit <= 0 || seen_.size() < static_cast<std::size_t>(limit)) {
        seen_.insert(what);
    }
    return false;
}

MessageCopy Expansion::copy_for(const Branch& branch, unsigned additions,
                                DeliveredHeader place) const {
    MessageCopy copy;
    copy.sender = branch.sender;
    copy.original_to = branch.rcpt.original;
    if ((agent_.delivered_header & place) != 0) {
        copy.delivered_to = branch.delivered;
    }
    copy.additions = additions;
    copy.when = delivery_.times.agent_handoff.tv_sec;
    return copy;
}

Task<Disposition> Expansion::finish(const Branch* branch, DeliveryStatus status) {
    DeliveryEvent event = delivery_.event(branch->rcpt, std::move(status), agent_.relay);
    if (event.status.code().success()) {
        co_return co_await report_sent(std::move(event));
    }
    if (delivery_.damaged()) {
        co_return Disposition::kDeferred;  // as Delivery::failed()
    }
    co_return co_await report_failed(std::move(event));
}

// What fails for good in a list with an owner is the owner's business, not the sender's.
Task<Disposition> Expansion::finish_for_owner(const Branch* branch, DeliveryStatus status) {
    std::string owner = "owner-" + branch->user;
    bool has_owner = status.code().permanent() && conf().owner_request_special() &&
                     agent_.aliases.find(owner).is_found();
    if (!has_owner) {
        co_return co_await finish(branch, std::move(status));
    }
    auto address = co_await agent_.rewrite->rewrite(RewriteContext::kLocal, quote_address(owner));
    BounceMessage message;
    message.queue_name = delivery_.request.queue_name;
    message.encoding = delivery_.request.encoding;
    message.sendopts = delivery_.request.sendopts;
    message.sender = unquote_address(address.value_or(owner));
    message.envelope_id = delivery_.request.envelope_id;
    message.ret_flags = delivery_.request.ret_flags;
    DeliveryEvent event = delivery_.event(branch->rcpt, std::move(status), agent_.relay);
    co_return co_await report_bounced_to(std::move(event), std::move(message));
}

Task<Disposition> Expansion::configuration_error(const Branch* branch) {
    DeliveryStatus status = DeliveryStatus::of(DsnCode(5, 3, 5), "mail system configuration error");
    co_return co_await finish(branch, std::move(status));
}

// Whether there is such a user could not be found out.
Task<Disposition> Expansion::defer_unknown_user(const Branch* branch, Error trouble) {
    log_warning("error looking up passwd info for {}: {}", branch->user, trouble.message);
    DeliveryStatus status = DeliveryStatus::of(DsnCode(4, 0, 0), "user lookup error");
    co_return co_await finish(branch, std::move(status));
}

Task<Disposition> Expansion::run(Recipient recipient) {
    original_ = recipient;
    auto read = DeliveredHeaders::read(delivery_);
    Branch branch;
    branch.sender = delivery_.request.sender;
    set_address(branch, std::move(recipient));
    branch.delivered = branch.rcpt.address;
    if (!read) {
        delivery_.note_unread(read.error());
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(4, 3, 0), "error reading message: " + read.error().message);
        co_return co_await finish(&branch, std::move(status));
    }
    delivered_headers_ = std::move(*read);
    Disposition expanded = co_await deliver_recipient(std::move(branch));
    // When something is left to do, all of it is done again: then nothing goes out now.
    if (expanded == Disposition::kDeferred) {
        co_return expanded;
    }
    co_return co_await send_forwards();
}

Task<Disposition> Expansion::deliver_recipient(Branch branch) {
    ++branch.level;
    if (seen(format("recipient {} {}", branch.level, branch.rcpt.address))) {
        co_return Disposition::kDone;
    }
    if (delivered_headers_.contains(branch.rcpt.address)) {
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(5, 4, 6), "mail forwarding loop for " + branch.rcpt.address);
        co_return co_await finish_for_owner(&branch, std::move(status));
    }
    if (branch.extension.find('/') != std::string::npos) {
        log_warning("{}: address with illegal extension: {}", delivery_.request.queue_id,
                    branch.local);
        branch.extension.clear();
        branch.unmatched.clear();
    }
    if (branch.user.empty()) {
        std::string reason = format("null username in \"{}\"", branch.rcpt.address);
        log_warning("{}", reason);
        DeliveryStatus status = DeliveryStatus::of(DsnCode(5, 1, 3), std::move(reason));
        co_return co_await finish(&branch, std::move(status));
    }
    if (branch.rcpt.address.starts_with('\\')) {
        co_return co_await deliver_literal_user(std::move(branch));
    }
    // The address with its extension first: it may be an alias of its own.
    Branch whole = branch;
    whole.unmatched.clear();
    std::string name = branch.local;
    auto done = co_await deliver_alias(std::move(whole), std::move(name));
    if (!done && !branch.extension.empty()) {
        name = branch.user;
        done = co_await deliver_alias(branch, std::move(name));
    }
    if (done) {
        co_return *done;
    }
    co_return co_await deliver_user(std::move(branch));
}

// A backslash before a name: the mailbox of that name, whatever aliases and ~/.forward say.
Task<Disposition> Expansion::deliver_literal_user(Branch branch) {
    Recipient recipient = branch.rcpt;
    recipient.address.erase(0, 1);
    set_address(branch, std::move(recipient));
    auto delivered = co_await deliver_mailbox(branch);
    if (delivered) {
        co_return *delivered;
    }
    co_return co_await deliver_unknown(std::move(branch));
}

// require_home_directory: a home that is missing may be on a file system that is not mounted.
// What keeps the user's home away, if anything does.
std::optional<DeliveryStatus> Expansion::missing_home(const Branch& branch) {
    if (!conf().require_home_directory()) {
        return std::nullopt;
    }
    auto user = accounts_.find(branch.user);
    if (!user || !*user) {
        return std::nullopt;
    }
    struct stat status{};
    ActingAs acting(*agent_.identity, (*user)->ids);
    if (::stat((*user)->home.c_str(), &status) == 0) {
        return std::nullopt;
    }
    Error why = fail_errno("cannot access home directory " + (*user)->home).error();
    return DeliveryStatus::of(DsnCode(4, 3, 0), why.message);
}

Task<Disposition> Expansion::deliver_user(Branch branch) {
    // Mail that an owner watches over goes through the queue again, each recipient with a record
    // of its own, unless it stays with the owner.
    if (!branch.owner.empty() && !iequals(branch.owner, branch.user)) {
        co_return co_await deliver_indirect(std::move(branch));
    }
    auto homeless = missing_home(branch);
    if (homeless) {
        co_return co_await finish(&branch, std::move(*homeless));
    }
    auto forwarded = co_await deliver_dotforward(branch);
    if (forwarded) {
        co_return *forwarded;
    }
    auto delivered = co_await deliver_mailbox(branch);
    if (delivered) {
        co_return *delivered;
    }
    co_return co_await deliver_unknown(std::move(branch));
}

}  // namespace relais::local_agent
