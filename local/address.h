// One address in delivery: a recipient of the request, or what an alias, a .forward or an :include:
// file has made of it; and where it came from, which decides the rights that it has.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lib/base/safe_open.h"
#include "lib/ipc/recipient.h"

namespace relais::local_agent {

// What an address came out of; allow_mail_to_files and allow_mail_to_commands name these.
enum class Source { kRequest, kAlias, kForward, kInclude };

// The account whose rights a delivery to a file or a command has.
struct Account {
    std::string name;
    std::string home;
    std::string shell;
    FileOwner ids;
};

struct Address {
    Recipient recipient;    // as it is logged
    std::string sender;     // of the message, or the owner- alias
    std::string owner;      // set where an owner- alias took over
    std::string local;      // local part, folded
    std::string user;       // without the extension
    std::string extension;  // without the delimiter
    std::string domain;     // with its "@"; may be empty
    Source source = Source::kRequest;
    std::string expanding;             // the alias or user whose expansion this is
    std::vector<std::string> aliases;  // all aliases that led here, the last one last
    std::optional<Account> rights;     // nothing: default_privs
    bool mailbox_only = false;         // "\\user": past aliases and .forward
    int level = 0;
};

// Takes the recipient's address apart.
void split_recipient(Address& address);

// The places of an alias entry, a .forward or an :include: file.
struct Place {
    enum class Kind { kAddress, kCommand, kFile, kInclude } kind = Kind::kAddress;
    std::string text;  // the address in internal form; the command; the path
};

// Commas and newlines separate places, outside of quotes and comments.
[[nodiscard]] std::vector<Place> parse_places(std::string_view text);

// An account of the system; nothing where there is none.  kTemporary: the lookup failed.
[[nodiscard]] Result<std::optional<Account>> find_account(const std::string& name);

// The account that default_privs names.
[[nodiscard]] Account default_account();

}  // namespace relais::local_agent
