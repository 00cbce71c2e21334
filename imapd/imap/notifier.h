// NOTIFY (RFC 5465): what a client wants to be told of, and what it was told.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/imap/notify_request.h"

#include "imapd/imap/annotation_watch.h"
#include "imapd/imap/mailbox_status.h"
#include "imapd/imap/name_watch.h"

namespace relais {

class Notifier {
  public:
    Notifier(Session& session, imap::NotifyRequest request);
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    // Begins to watch, and tells the state of the mailboxes where that was asked for.  The error is
    // the reply: more mailboxes than may be watched.
    [[nodiscard]] Task<std::expected<void, Reply>> begin();

    // What is wanted of the selected mailbox; `expunges` is what the moment allows.
    [[nodiscard]] ReportScope scope(Expunges expunges) const;

    // The client hears of the selected mailbox while no command runs, and of messages that are gone
    // (SELECTED, not SELECTED-DELAYED).
    bool tells_selected() const { return request_.selected.has_value(); }

    bool expunges_at_once() const;

    // What to fetch of new messages in the selected mailbox; empty: nothing.
    const imap::FetchItems& fetch_items() const;

    // Writes what has happened in other mailboxes and to them.
    [[nodiscard]] Task<void> tell();

    // Something may have happened.
    Changes& news() { return news_; }

    // When tell() should be called again without news.
    std::optional<SteadyTime> due() const { return names_ ? names_->due() : std::nullopt; }

    // The client has done this itself, and need not be told: names; messages that it has put
    // somewhere.
    void expect(const NameChange& change);
    void expect_arrivals(const std::string& mailbox, const std::vector<std::uint32_t>& uids);
    void expect_annotation(const AnnotationScope& scope, const Annotation& change);

    // Those of the selected mailbox's new messages that others have put there.
    [[nodiscard]] std::vector<std::uint32_t> foreign_arrivals(std::vector<std::uint32_t> uids);

    // The session leaves its mailbox.
    void left(Selected& selected);

  private:
    // A mailbox whose messages are watched.
    struct Watched {
        std::string name;
        imap::NotifyEvents events;
        bool changed = false;
        std::optional<MailboxCounts> told;  // unknown until the first look
        bool unseen_known = true;
        std::optional<DirectoryId> id;
        std::unique_ptr<DirectoryWatch> watch;
    };

    using Mailboxes = std::map<std::string, std::unique_ptr<Watched>, std::less<>>;

    struct Known {
        Mailboxes mailboxes;
        std::map<DirectoryId, std::string> places;

        std::unique_ptr<Watched> take(const std::string& name,
                                      const std::optional<DirectoryId>& id);
    };

    // What a mailbox that comes into view had when the client heard of it last.
    enum class Fresh { kUnknown, kEmpty };

    imap::NotifyEvents events_for(std::string_view name) const;
    imap::NotifyEvents events_for(const imap::FilteredMailbox& mailbox) const;
    bool is_selected(std::string_view name) const;
    bool watch_mailboxes(Fresh fresh);
    bool is_whole(const std::string& name) const;
    bool watch(Watched& mailbox);
    [[nodiscard]] Task<std::shared_ptr<OpenMailbox>> look_at(std::string name);
    [[nodiscard]] Task<void> look_at_all();
    [[nodiscard]] Task<void> write_status(const Watched& mailbox, StatusItems items);
    bool tell_names();
    [[nodiscard]] Task<void> tell_annotations();
    [[nodiscard]] Task<std::string> guid_of(std::string name);
    [[nodiscard]] Task<std::optional<std::string>> mailbox_with(std::string guid);
    bool wants_annotations(std::string_view name) const;
    [[nodiscard]] Task<void> tell_messages(Watched& mailbox);
    std::optional<StatusItems> news_of(const Watched& mailbox, const MailboxCounts& now) const;
    static StatusItems all_items(const imap::NotifyEvents& events);
    bool concerns(const NameChange& change, std::string_view name) const;
    void write_change(const NameChange& change);
    void write_name(std::string_view name, std::string_view old_name);
    void give_up();

    Session& session_;
    imap::NotifyRequest request_;
    Changes news_;
    std::unique_ptr<NameWatch> names_;
    Mailboxes watched_;
    std::unique_ptr<AnnotationWatch> annotations_;  // where they are asked for
    std::vector<std::uint32_t> own_uids_;           // in the selected mailbox, not told yet
};

}  // namespace relais
