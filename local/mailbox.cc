// The ends of local delivery: other transports, commands, files, and users' mailboxes.
#include <cerrno>
#include <cstdlib>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/deliver/command.h"
#include "lib/deliver/pass.h"
#include "lib/mail/address.h"
#include "lib/queue/queue_file.h"
#include "lib/store/maildir_delivery.h"

#include "local/job.h"

namespace relais::local_agent {

Task<Job::Tried> Job::try_transport(const Address* address, const TableSet* maps,
                                    std::string parameter) {
    Lookup found = maps->find(address->user);
    if (found.is_error()) {
        log_warning("table {}: lookup {}: {}", maps->title(), address->user, found.reason());
        co_return co_await fail_with(
            address, DeliveryStatus::of(DsnCode(4, 3, 5), "mail system configuration error"));
    }
    std::string transport = found.is_missing() ? std::move(parameter) : found.value();
    if (transport.empty()) {
        co_return std::nullopt;
    }
    co_return co_await pass_recipient(delivery_, address->recipient, std::move(transport));
}

MessageCopy Job::copy_for(const Address& address, MailboxFormat format) const {
    MessageCopy copy;
    copy.sender = address.sender;
    copy.original_to = address.recipient.original;
    copy.delivered_to = top_.address;
    copy.format = format;
    copy.when = delivery_->times.agent_handoff.tv_sec;
    return copy;
}

// $user, $home and their like in forward_path, luser_relay and mailbox_command.
std::string Job::expand_path(const std::string& text, const Address& address,
                             const Account* account, const std::string& filter) const {
    ExpandOptions options;
    options.filter = filter;
    options.lookup = [&](std::string_view name) -> std::optional<std::string> {
        if (name == "user") {
            return address.user;
        }
        if (name == "local") {
            return address.local;
        }
        if (name == "home" && account != nullptr) {
            return account->home;
        }
        if (name == "shell" && account != nullptr) {
            return account->shell;
        }
        if (name == "domain") {
            return address.domain.empty() ? "" : address.domain.substr(1);
        }
        if (name == "recipient") {
            return address.recipient.address;
        }
        if (name == "extension") {
            return address.extension;
        }
        if (name == "recipient_delimiter") {
            // The one that the address has.
            return address.extension.empty() ? "" : address.local.substr(address.user.size(), 1);
        }
        return conf().find(name);
    };
    auto expanded = expand(text, options);
    if (!expanded) {
        log_warning("{}: {}", text, expanded.error().message);
        return {};
    }
    return expanded->text;
}

namespace {

void add_if(std::vector<std::string>& out, std::string_view name, const std::string& value) {
    if (!value.empty()) {
        out.push_back(std::string(name) + "=" + value);
    }
}

void add_exported(std::vector<std::string>& out) {
    for (std::string_view word : split_words(conf().export_environment(), ", \t\r\n")) {
        if (word.find('=') != std::string_view::npos) {
            out.emplace_back(word);
        } else if (const char* value = std::getenv(std::string(word).c_str())) {
            out.push_back(std::string(word) + "=" + value);
        }
    }
}

}  // namespace

std::vector<std::string> Job::command_environment(const Address& address,
                                                  const Account& account) const {
    const DeliveryRequest& request = delivery_->request;
    std::vector<std::string> out;
    add_exported(out);
    out.emplace_back("PATH=/usr/bin:/bin");
    add_if(out, "HOME", account.home);
    out.push_back("LOGNAME=" + account.name);
    out.push_back("USER=" + account.name);
    out.push_back("SENDER=" + address.sender);
    out.push_back("RECIPIENT=" + address.recipient.address);
    out.push_back("LOCAL=" + address.local);
    add_if(out, "SHELL", account.shell);
    add_if(out, "DOMAIN", address.domain.empty() ? "" : address.domain.substr(1));
    add_if(out, "EXTENSION", address.extension);
    add_if(out, "ORIGINAL_RECIPIENT", address.recipient.original);
    add_if(out, "CLIENT_HOSTNAME", request.log_client_name);
    add_if(out, "CLIENT_ADDRESS", request.log_client_address);
    add_if(out, "CLIENT_HELO", request.log_helo_name);
    add_if(out, "CLIENT_PROTOCOL", request.log_protocol_name);
    add_if(out, "SASL_METHOD", request.sasl_method);
    add_if(out, "SASL_SENDER", request.sasl_sender);
    add_if(out, "SASL_USERNAME", request.sasl_username);
    return out;
}

Task<Disposition> Job::deliver_command(const Address* address, std::string command, Account account,
                                       std::string shell) {
    if (seen("command " + std::to_string(account.ids.uid) + " " + command)) {
        co_return Disposition::kDone;
    }
    if (delivery_->is_probe()) {
        co_return co_await succeed(
            address, DeliveryStatus::of(DsnCode(2, 0, 0), "delivers to command: " + command));
    }
    // The whole message first, so that a command that does not read it cannot block us.
    UniqueFd input(::memfd_create("message", MFD_CLOEXEC));
    FileSink sink(input.get());
    ContentWriter content = content_of(*delivery_, copy_for(*address, MailboxFormat::kMbox));
    auto written = content(sink);
    if (written) {
        written = sink.finish();
    }
    if (!written || ::lseek(input.get(), 0, SEEK_SET) != 0) {
        co_return co_await fail_with(
            address, DeliveryStatus::of(DsnCode(4, 3, 0), "cannot prepare the message"));
    }
    DeliveryCommand run;
    run.command = command;
    run.shell = std::move(shell);
    run.environment = command_environment(*address, account);
    run.directory = expand_path(conf().command_execution_directory(), *address, &account,
                                conf().execution_directory_expansion_filter());
    run.user = account.ids;
    run.change_identity = site_->identity.privileged();
    run.input = input.get();
    run.limit = conf().command_time_limit();
    DeliveryStatus status = co_await run_delivery_command(std::move(run));
    co_return co_await end(address, std::move(status));
}

Task<Disposition> Job::deliver_file(const Address* address, std::string path) {
    Account account = address->rights ? *address->rights : default_account();
    if (seen("file " + std::to_string(account.ids.uid) + " " + path)) {
        co_return Disposition::kDone;
    }
    if (delivery_->is_probe()) {
        co_return co_await succeed(
            address, DeliveryStatus::of(DsnCode(2, 0, 0), "delivers to file: " + path));
    }
    if (path.ends_with('/')) {
        co_return co_await end(address, into_maildir(*address, path, account.ids));
    }
    MboxTarget target = site_->mbox;
    target.path = path;
    target.dotlock_failure = DotLockFailure::kWarn;
    ContentWriter content = content_of(*delivery_, copy_for(*address, MailboxFormat::kMbox));
    DeliveryStatus status = DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to file: " + path);
    {
        ActingAs user(site_->identity, account.ids);
        if (auto delivered = deliver_mbox(target, content); !delivered) {
            status = mailbox_failure(delivered.error(),
                                     format("cannot append message to file {}: ", path),
                                     DsnCode(5, 2, 0));
        }
    }
    co_return co_await end(address, std::move(status));
}

DeliveryStatus Job::into_maildir(const Address& address, const std::string& path,
                                 const FileOwner& user) {
    MaildirTarget target;
    target.directory = path;
    target.host = site_->host;
    target.directory_sync = needs_directory_sync(path) ? DirectorySync::kYes : DirectorySync::kNo;
    ContentWriter content = content_of(*delivery_, copy_for(address, MailboxFormat::kPlain));
    ActingAs as(site_->identity, user);
    auto delivered = deliver_maildir(target, content);
    if (delivered) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to maildir");
    }
    return mailbox_failure(delivered.error(), "maildir delivery failed: ", DsnCode(4, 2, 0));
}

DeliveryStatus Job::into_mbox(const Address& address, const std::string& path,
                              const Account& account, const FileOwner& writer) {
    MboxTarget target = site_->mbox;
    target.path = path;
    if (writer.uid != account.ids.uid) {
        target.owner = account.ids;
    }
    if (conf().strict_mailbox_ownership() && site_->identity.privileged()) {
        target.must_belong_to = account.ids.uid;
    }
    ContentWriter content = content_of(*delivery_, copy_for(address, MailboxFormat::kMbox));
    ActingAs as(site_->identity, writer);
    auto delivered = deliver_mbox(target, content);
    if (delivered) {
        return DeliveryStatus::of(DsnCode(2, 0, 0), "delivered to mailbox");
    }
    return mailbox_failure(delivered.error(),
                           format("cannot update mailbox {} for user {}. ", path, account.name),
                           DsnCode(4, 2, 0));
}

// mail_spool_directory/user, or a Maildir of that name where it ends in a slash.  A spool that not
// everybody can write to is written as root, and the file given to the user.
DeliveryStatus Job::into_spool(const Address& address, const Account& account) {
    const std::string& spool = conf().mail_spool_directory();
    if (spool.ends_with('/')) {
        return into_maildir(address, spool + account.name + "/", account.ids);
    }
    struct stat info{};
    FileOwner writer = account.ids;
    if (::stat(spool.c_str(), &info) == 0) {
        writer.uid = (info.st_mode & S_IWOTH) != 0 ? account.ids.uid : 0;
        writer.gid = (info.st_mode & S_IWGRP) != 0 ? info.st_gid : account.ids.gid;
    }
    return into_mbox(address, spool + "/" + account.name, account, writer);
}

DeliveryStatus Job::into_home(const Address& address, const Account& account) {
    std::string path = account.home + "/" + conf().home_mailbox();
    if (path.ends_with('/')) {
        return into_maildir(address, path, account.ids);
    }
    return into_mbox(address, path, account, account.ids);
}

Task<Disposition> Job::deliver_mailbox(const Address* address, const Account* account) {
    Lookup command = site_->mailbox_commands.find(account->name);
    if (command.is_error()) {
        co_return co_await fail_with(
            address, DeliveryStatus::of(DsnCode(4, 3, 5), "mail system configuration error"));
    }
    std::string text = command.is_missing() ? conf().mailbox_command() : command.value();
    if (!text.empty()) {
        std::string expanded =
            expand_path(text, *address, account, conf().command_expansion_filter());
        co_return co_await deliver_command(address, std::move(expanded), *account, "");
    }
    bool home = !conf().home_mailbox().empty();
    if (delivery_->is_probe()) {
        bool maildir =
            (home ? conf().home_mailbox() : conf().mail_spool_directory()).ends_with('/');
        co_return co_await succeed(
            address, DeliveryStatus::of(DsnCode(2, 0, 0),
                                        maildir ? "delivers to maildir" : "delivers to mailbox"));
    }
    struct stat info{};
    bool homeless = conf().require_home_directory() && ::stat(account->home.c_str(), &info) != 0;
    if (homeless) {
        co_return co_await fail_with(
            address,
            DeliveryStatus::of(DsnCode(4, 3, 0), "cannot access home directory " + account->home));
    }
    co_return co_await end(address,
                           home ? into_home(*address, *account) : into_spool(*address, *account));
}

}  // namespace relais::local_agent
