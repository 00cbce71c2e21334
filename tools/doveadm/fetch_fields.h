// The fields of `doveadm fetch`: what they are called, and what they say of a message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/message_file.h"
#include "lib/access/selected.h"
#include "lib/imap/mime_tree.h"
#include "lib/store/uidlist.h"

#include "tools/doveadm/printer.h"

namespace relais::doveadm {

// A message, as far as the fields have needed it.
class FetchedMessage {
  public:
    FetchedMessage(Selected& selected, const UidList& list, std::uint32_t uid,
                   std::string_view user)
        : selected(selected), list(list), user(user), uid(uid) {}

    // Null where it is gone.
    const MailMessage* message() const { return selected.box().find(uid); }

    // The file; empty where it is gone.
    std::string_view text();
    const imap::MimePart& structure();

    std::string_view header() { return text().substr(0, structure().body.offset); }

    // Of the line in the uidlist.
    std::string_view extension(char key) const;

    Selected& selected;
    const UidList& list;
    std::string_view user;
    std::uint32_t uid;

  private:
    std::optional<MessageFile> file_;
    std::optional<imap::MimePart> structure_;
};

struct FetchField {
    std::string name;      // in lower case, but for sections
    std::string argument;  // "subject" of "hdr.subject"
    bool is_text = false;  // may have many lines

    std::string (*value)(FetchedMessage& message, const FetchField& field) = nullptr;
};

// Nothing where there is no such field.
[[nodiscard]] std::optional<FetchField> find_fetch_field(std::string_view name);

// "hdr.<name> body.<section> ..."
[[nodiscard]] std::string fetch_field_names();

}  // namespace relais::doveadm
