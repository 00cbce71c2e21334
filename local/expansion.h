// One recipient of a request on its way through aliases, ~/.forward files and included lists to
// mailboxes, commands, files and other addresses.
//
// The rules that make this safe to recurse: a Branch is copied for each step down, so what an alias
// changes ends with it; every final delivery and every list is done once (seen()); an alias may not
// nest deeper than kMaxLevel; and mail that has been here before carries the Delivered-To header
// that tells (RFC 5321 6.3 in Postfix's way).
//
// Its members are spread over one file for each step: recipient.cc, alias.cc, tokens.cc,
// include.cc, dotforward.cc, mailbox.cc, unknown.cc, command.cc, file.cc, forward.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/deliver/delivered_headers.h"
#include "lib/deliver/delivery.h"
#include "lib/deliver/message_copy.h"
#include "lib/ipc/cleanup_client.h"

#include "local/agent.h"
#include "local/user.h"

namespace relais::local_agent {

// What holds for one address of the expansion.
struct Branch {
    int level = 0;
    Recipient rcpt;
    // Parts of rcpt.address, in lower case.
    std::string local;      // all before the "@"
    std::string domain;     // myhostname where there is none
    std::string user;       // local without the extension
    std::string extension;  // without its delimiter
    std::string delimiter;  // the one character that was found
    std::string unmatched;  // the extension that goes on to the results of an alias

    std::string sender;         // of mail that is forwarded from here
    std::string owner;          // set: local addresses are mailed to anew, not delivered at once
    std::string delivered;      // the Delivered-To address
    std::string expanded_from;  // the alias or the user whose list this came from
    unsigned source = kFromNowhere;
    std::optional<User> rights;  // nothing: default_privs
};

class Expansion {
  public:
    Expansion(Agent* agent, Delivery* delivery) : agent_(*agent), delivery_(*delivery) {}

    // All of it, forwarded mail included.
    [[nodiscard]] Task<Disposition> run(Recipient recipient);

  private:
    // Addresses.
    [[nodiscard]] Task<Disposition> deliver_recipient(Branch branch);
    [[nodiscard]] Task<Disposition> deliver_user(Branch branch);
    [[nodiscard]] Task<Disposition> deliver_literal_user(Branch branch);
    std::optional<DeliveryStatus> missing_home(const Branch& branch);
    [[nodiscard]] Task<Disposition> deliver_address(Branch branch, std::string external);

    // Lists.  `count` grows by the items found.
    [[nodiscard]] Task<std::optional<Disposition>> deliver_alias(Branch branch, std::string name);
    [[nodiscard]] Task<Disposition> expand_alias(Branch branch, std::string name, std::string value,
                                                 const Table* table);
    [[nodiscard]] Task<Result<std::optional<std::string>>> find_owner(std::string name);
    [[nodiscard]] Task<void> report_expansion(Recipient recipient, std::string action);
    [[nodiscard]] Task<Disposition> deliver_list(const Branch* branch, std::string text,
                                                 int* count);
    [[nodiscard]] Task<Disposition> deliver_lines(const Branch* branch, std::string text,
                                                  int* count);
    [[nodiscard]] Task<Disposition> deliver_item(Branch branch, std::string internal,
                                                 std::string external);
    [[nodiscard]] Task<Disposition> deliver_include(Branch branch, std::string path);
    [[nodiscard]] Task<Disposition> expand_include(Branch branch, std::string text,
                                                   uid_t file_owner);
    [[nodiscard]] Task<std::optional<Disposition>> deliver_dotforward(Branch branch);

    struct ForwardFile {
        std::string path;
        std::optional<std::string> text;  // nothing: there is one, but it cannot be used
        bool uses_extension = false;      // the path is made for the address's extension
        bool done_before = false;
    };

    std::optional<ForwardFile> find_forward_file(const Branch& branch);

    // Final destinations.
    [[nodiscard]] Task<std::optional<Disposition>> deliver_mailbox(Branch branch);
    [[nodiscard]] Task<std::optional<Disposition>> pass_mailbox(Branch branch);
    [[nodiscard]] Task<Disposition> deliver_to_user(Branch branch);
    [[nodiscard]] Task<Disposition> deliver_unknown(Branch branch);
    [[nodiscard]] Task<Disposition> deliver_command(Branch branch, std::string command);
    [[nodiscard]] Task<Disposition> deliver_home_file(Branch branch, std::string path);
    [[nodiscard]] Task<Disposition> deliver_file(Branch branch, std::string path);
    DeliveryStatus into_maildir(MessageCopy copy, const std::string& path, FileOwner owner);
    DeliveryStatus into_user_mbox(const Branch& branch, const User& user);
    DeliveryStatus into_file(MessageCopy copy, const std::string& path, FileOwner owner);

    // Mail that is sent on.
    [[nodiscard]] Task<Disposition> deliver_indirect(Branch branch);
    [[nodiscard]] Task<Disposition> send_forwards();

    struct Forward {
        std::string sender;
        std::string delivered;
        bool reports_success = false;
        std::vector<Recipient> recipients;
    };

    [[nodiscard]] Task<Disposition> send_forward(const Forward* forward);
    [[nodiscard]] Task<Result<std::string>> post_forward(const Forward* forward);
    [[nodiscard]] Task<Result<void>> copy_content(CleanupClient* to);
    void put_envelope(CleanupClient& to, const Forward& forward) const;

    // Endings.
    [[nodiscard]] Task<Disposition> finish(const Branch* branch, DeliveryStatus status);
    [[nodiscard]] Task<Disposition> finish_for_owner(const Branch* branch, DeliveryStatus status);
    [[nodiscard]] Task<Disposition> configuration_error(const Branch* branch);
    [[nodiscard]] Task<Disposition> defer_unknown_user(const Branch* branch, Error trouble);

    // True when this was done before; notes it otherwise.
    bool seen(const std::string& what);

    bool was_seen(const std::string& what) const { return seen_.contains(what); }

    FileOwner rights_of(const Branch& branch) const {
        return branch.rights ? branch.rights->ids : agent_.default_rights;
    }

    // What is written at a place, which prepend_delivered_header may leave without Delivered-To.
    MessageCopy copy_for(const Branch& branch, unsigned additions, DeliveredHeader place) const;

    Agent& agent_;
    Delivery& delivery_;
    Recipient original_;
    Accounts accounts_;
    DeliveredHeaders delivered_headers_;
    std::unordered_set<std::string> seen_;
    std::vector<Forward> forwards_;
};

// Splits an address into the parts of a Branch.
void set_address(Branch& branch, Recipient recipient);

// $home, $user, $extension and their kin in forward_path, luser_relay and the command parameters.
// `undefined`: a name without a value was used.
struct ExpandedText {
    std::string text;
    bool undefined = false;
};

[[nodiscard]] ExpandedText expand_local(const Branch& branch, std::string_view parameter,
                                        std::string_view text, std::string_view filter);

constexpr Disposition both(Disposition a, Disposition b) {
    return a == Disposition::kDeferred ? a : b;
}

}  // namespace relais::local_agent
