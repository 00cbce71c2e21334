// The delivery of one recipient of a request with all that aliases and .forward files make of it.
//
//   address      -> alias?  .forward?  mailbox?  nobody       (job.cc)
//   expansion    -> addresses, commands, files, :include:     (expansion.cc)
//   mailbox      -> transport, command, Maildir, mbox         (mailbox.cc)
//
// Every leaf reports its own outcome; what the tree returns is whether anything is left to do.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "lib/deliver/delivery.h"
#include "lib/deliver/message_copy.h"

#include "local/address.h"
#include "local/forwarder.h"
#include "local/site.h"

namespace relais::local_agent {

class Job {
  public:
    // `loops` are the addresses of Delivered-To headers, folded.
    Job(Site* site, Delivery* delivery, const std::set<std::string>* loops, Recipient recipient);

    [[nodiscard]] Task<Disposition> run();

  private:
    // job.cc
    [[nodiscard]] Task<Disposition> deliver_address(Address address);
    [[nodiscard]] Task<Disposition> deliver_past_aliases(Address* address);
    [[nodiscard]] Task<Disposition> deliver_user(Address* address);
    [[nodiscard]] Task<Disposition> deliver_unknown(Address* address);
    [[nodiscard]] Task<Disposition> succeed(const Address* address, DeliveryStatus status);
    [[nodiscard]] Task<Disposition> fail_with(const Address* address, DeliveryStatus status);
    [[nodiscard]] Task<Disposition> end(const Address* address, DeliveryStatus status);

    bool seen(const std::string& what) { return !seen_.insert(what).second; }

    // expansion.cc
    using Tried = std::optional<Disposition>;  // nothing: there is no such alias or file
    [[nodiscard]] Task<Tried> try_alias(const Address* address, std::string name);
    [[nodiscard]] Task<void> take_owner(Address* address, std::string name);
    [[nodiscard]] Task<Tried> try_forward_files(const Address* address, const Account* account);
    [[nodiscard]] Task<Disposition> deliver_text(const Address* from, std::string text);
    [[nodiscard]] Task<Disposition> deliver_place(const Address* from, const Place* place);
    [[nodiscard]] Task<Disposition> deliver_include(const Address* from, std::string path);
    [[nodiscard]] Task<Disposition> deliver_new_address(const Address* from, std::string text);
    [[nodiscard]] Task<Disposition> send_on(const Address* address);

    // mailbox.cc
    [[nodiscard]] Task<Disposition> deliver_mailbox(const Address* address, const Account* account);
    [[nodiscard]] Task<Tried> try_transport(const Address* address, const TableSet* maps,
                                            std::string parameter);
    [[nodiscard]] Task<Disposition> deliver_command(const Address* address, std::string command,
                                                    Account account, std::string shell);
    [[nodiscard]] Task<Disposition> deliver_file(const Address* address, std::string path);
    DeliveryStatus into_spool(const Address& address, const Account& account);
    DeliveryStatus into_home(const Address& address, const Account& account);
    DeliveryStatus into_maildir(const Address& address, const std::string& path,
                                const FileOwner& user);
    DeliveryStatus into_mbox(const Address& address, const std::string& path,
                             const Account& account, const FileOwner& writer);
    MessageCopy copy_for(const Address& address, MailboxFormat format) const;
    std::vector<std::string> command_environment(const Address& address,
                                                 const Account& account) const;
    std::string expand_path(const std::string& text, const Address& address, const Account* account,
                            const std::string& filter) const;

    Site* site_;
    Delivery* delivery_;
    const std::set<std::string>* loops_;
    Recipient top_;
    Forwarder forwarder_;
    std::set<std::string> seen_;
};

// The worse of two: deferred when either is.
[[nodiscard]] inline Disposition both(Disposition a, Disposition b) {
    return a == Disposition::kDeferred ? a : b;
}

}  // namespace relais::local_agent
