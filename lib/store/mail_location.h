// Where a user's mail lies, as Dovecot 2.3's mail_location says it:
//     maildir:~/Maildir:INDEX=/var/index/%u:LAYOUT=fs
//     mbox:~/mail:INBOX=/var/mail/%u
// "::" stands for a colon.  Variables were expanded before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/mailbox_name.h"

namespace relais {

enum class MailFormat : std::uint8_t { kMaildir, kMbox, kSdbox, kMdbox };

// How folders lie in directories: ".A.B" beside each other, or "A/B" within each other.
enum class FolderLayout : std::uint8_t { kMaildirPlusPlus, kDirectories };

struct MailLocation {
    MailFormat format = MailFormat::kMaildir;
    FolderLayout layout = FolderLayout::kMaildirPlusPlus;
    std::string root;                             // of the folders
    std::string inbox;                            // INBOX=; empty: in the root
    std::string index;                            // INDEX=; empty: with the mail
    bool index_in_memory = false;                 // INDEX=MEMORY: it is not kept
    std::string control;                          // CONTROL=; empty: with the mail
    std::string own_flags;                        // INDEXPVT=; empty: everybody sees the same
    std::string subscriptions = "subscriptions";  // the name of the file
    NameEncoding names = NameEncoding::kUtf7;     // on disk; UTF-8
    std::string mailboxes;                        // MAILBOXDIR=, of dbox
    std::string leaf;                             // DIRNAME=: "dbox-Mails" of dbox
    std::string alternative;                      // ALT=, of dbox

    [[nodiscard]] static MailLocation maildir(std::string root);
};

// A path without a format is a Maildir's; "~" is `home`, and a relative path is one there.  An
// empty text, and "auto", mean what is there: ~/Maildir, ~/mdbox, ~/sdbox, or mbox files in ~/mail
// or
// ~/Mail with INBOX in /var/mail.  kSyntax for what is no location, kNotFound where nothing is
// there.
[[nodiscard]] Result<MailLocation> parse_mail_location(std::string_view text, std::string_view user,
                                                       std::string_view home);

}  // namespace relais
