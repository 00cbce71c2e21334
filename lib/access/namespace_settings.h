// What the parameter imap_namespaces says: groups in braces of NAME=VALUE.
//
//     { type=private prefix=INBOX. inbox=yes }, { type=public prefix=Public. location=maildir:/m }
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

struct NamespaceSettings {
    enum class Type { kPrivate, kShared, kPublic };
    enum class Listing { kNo, kYes, kChildren };  // kChildren: the prefix only for what is below it

    Type type = Type::kPrivate;
    std::string prefix{};  // "", or ends with the separator; of a shared one, with %%u and the like
    std::string location{};  // of a private one, empty: the user's mail
    Listing listing = Listing::kYes;
    bool inbox = false;
    bool hidden = false;        // not in the answer to NAMESPACE
    bool subscriptions = true;  // has a file of them; else they are with those of the INBOX's

    // What every name in it begins with.
    std::string_view fixed_prefix() const {
        return std::string_view(prefix).substr(0, prefix.find('%'));
    }
};

// All namespaces; one has the INBOX.  The error is about the first thing that makes no sense.
[[nodiscard]] Result<std::vector<NamespaceSettings>> parse_namespaces(std::string_view text,
                                                                      char separator);

// Takes `name` apart by a prefix such as "shared/%%d/%%n/": the user that it is about, and what is
// left; nothing where it does not fit, or the user is none that could have a directory.
struct SharedName {
    std::string owner;
    std::string rest;
};

[[nodiscard]] Result<SharedName> match_shared_prefix(std::string_view prefix,
                                                     std::string_view name);

// The prefix of one user's mailboxes.
[[nodiscard]] std::string shared_prefix_of(std::string_view prefix, std::string_view owner);

}  // namespace relais
