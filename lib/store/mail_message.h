// What a mailbox says of a message, and is told: flags, names, times, what is to be added.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/store/maildir_name.h"
#include "lib/store/shared_lock.h"

namespace relais {

struct MailMessage {
    std::uint32_t uid = 0;
    std::uint32_t keywords = 0;
    std::uint32_t name_at = 0;  // into the mailbox's names: what its format knows of it
    std::uint16_t name_size = 0;
    std::uint8_t system = 0;
    bool in_new = false;       // of a Maildir: still in new/, else in cur/
    std::uint64_t change = 0;  // the number of its last change; see Mailbox::modseq_of()

    MessageFlags flags() const { return {system, keywords}; }
};

// Where a mailbox lies, and how its files are made.
struct MailboxPlace {
    std::string directory;  // or the file that has all messages
    std::string root;       // of all mailboxes: where the UIDVALIDITY counter is
    std::string host;
    unsigned file_mode = 0600;
    bool counted = true;  // in maildirsize, where there is one
    Storage storage = Storage::kOwn;
    bool single_file = false;
    std::string index{};      // the directory of our own files; empty: with the messages
    std::string control{};    // that of Dovecot's list of UIDs and names of keywords; the same
    std::string own_flags{};  // of flags that only this user sees; empty: all are everybody's

    const std::string& index_directory() const { return index.empty() ? directory : index; }

    // Of access control lists and access keys.
    const std::string& lists_directory() const { return single_file ? control : directory; }

    const std::string& control_directory() const { return control.empty() ? directory : control; }
};

// Read-only sessions leave new messages in new/, and recent.
enum class MailboxAccess { kReadOnly, kReadWrite };

// A message file in staging_directory() (or elsewhere on the same file system) that is to get a UID
// here.
struct NewMessage {
    std::string path;  // is moved away (or linked, for a copy)
    std::string base;  // its base name in this mailbox
    MessageFlags flags;
    std::string extensions;  // for the uidlist: "G<guid>" of a copied message
    bool link = false;
    std::vector<std::string> keywords{};  // by name; they get their letters when it is added
};

// A message's content, and when it came (in seconds).
struct StoredMessage {
    std::string text;
    std::int64_t received = 0;
};

struct MessageTimes {
    std::int64_t received = 0;
    std::int64_t saved = 0;  // into this mailbox, as far as the file system tells
};

// In bytes: as it is stored, or with each line's end as CR LF.
enum class MessageSize { kStored, kWire };

enum class FlagChange { kReplace, kAdd, kRemove };

// What has become of a change of flags.
struct FlagOutcome {
    std::uint64_t number = 0;              // of this change
    std::uint64_t before = 0;              // of the flag change before it, whoever made that
    std::vector<std::uint32_t> refused{};  // UIDs: they have changed since (UNCHANGEDSINCE)
};

// Flags as a change of them leaves them.
[[nodiscard]] MessageFlags changed_flags(MessageFlags old, FlagChange how, MessageFlags by);

}  // namespace relais
