// Writes FETCH responses: for the command, and for new messages of which NOTIFY tells.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "lib/access/message_file.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/mime_tree.h"
#include "lib/store/email_ids.h"

#include "imapd/imap/session.h"

namespace relais {

// Fetches messages of the selected mailbox, all with the same items.
class Fetcher {
  public:
    // `with_uid`: the UID goes along in any case.
    Fetcher(Session& session, imap::FetchItems items, WithUid with_uid)
        : session_(session), selected_(*session.selected), items_(std::move(items)) {
        if (with_uid == WithUid::kYes && !session.enabled.uid_only) {
            items_.add(imap::FetchItem::Kind::kUid, imap::FetchItems::Where::kFirst);
        }
    }

    // Finds out beforehand what fetch() is going to tell of these messages, as far as that is worth
    // it; at most kFactsAtOnce.
    [[nodiscard]] Task<void> prepare(std::span<const std::uint32_t> uids);

    // `flags_changed`: so the flags are told in any case.
    [[nodiscard]] Task<void> fetch(std::uint32_t uid, bool flags_changed);

    // Messages that were gone when it was their turn.
    bool missed() const { return missed_; }

    // Parts whose encoding nobody knows were left out (RFC 3516 4.3).
    bool undecodable() const { return undecodable_; }

  private:
    // False when the message is gone.
    [[nodiscard]] Task<bool> append_items(const MailMessage& message);
    [[nodiscard]] Task<bool> append_item(const imap::FetchItem& item, const MailMessage& message);
    [[nodiscard]] Task<bool> append_section(const imap::FetchItem& item,
                                            const MailMessage& message);
    [[nodiscard]] Task<void> stream_section(const imap::FetchItem& item);
    bool append_fact(const imap::FetchItem& item, const MailMessage& message);
    bool append_binary(const imap::FetchItem& item, const MailMessage& message);
    bool append_preview(const imap::FetchItem& item, const MailMessage& message);
    bool load_file(const MailMessage& message);
    const imap::MimePart& structure(const imap::Section* section);

    Session& session_;
    Selected& selected_;
    imap::FetchItems items_;
    EmailIds ids_;
    std::string out_;
    bool begun_ = false;  // a part of it is on its way: there is no way back
    // The message at hand, as far as it was needed.
    std::optional<MessageFile> file_;
    std::optional<imap::MimePart> root_;
    bool whole_root_ = false;
    bool missed_ = false;
    bool undecodable_ = false;
    bool left_out_ = false;  // the item at hand: nothing was written
};

}  // namespace relais
