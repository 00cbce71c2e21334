// INBOX as one POP3 session sees it: the messages that were there when it began, by number, however
// the mailbox changes meanwhile (RFC 1939 4).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/access/message_file.h"
#include "lib/access/user.h"

namespace relais {

class Maildrop {
  public:
    struct Entry {
        std::uint64_t size = 0;  // with CRLF line ends
        std::uint32_t uid = 0;
        bool deleted = false;    // DELE
        bool retrieved = false;  // RETR, in this session
    };

    explicit Maildrop(User& user) : user_(user) {}

    // Takes the picture.
    [[nodiscard]] Task<Result<void>> open();

    std::span<const Entry> entries() const { return entries_; }

    // The messages that are not deleted, and their octets.
    std::size_t count() const { return count_; }

    std::uint64_t octets() const { return octets_; }

    std::size_t deleted_count() const { return entries_.size() - count_; }

    // Positions count from 0.
    void mark_deleted(std::size_t at);

    void mark_retrieved(std::size_t at) { entries_[at].retrieved = true; }

    // RSET: forgets both marks.
    void reset();

    // False once the mailbox has another UIDVALIDITY: nothing that was told still holds.
    bool valid() { return mailbox_->box.uid_validity() == uid_validity_; }

    // kNotFound when the message is gone.
    [[nodiscard]] Task<Result<MessageFile>> read(std::size_t at);

    // Before the first uidl(): sees to it that what identifies a message is its own and stays so,
    // as far as that is wanted.
    [[nodiscard]] Task<Result<void>> prepare_uidls();

    [[nodiscard]] std::string uidl(std::size_t at);

    // The number of the last message that somebody has read (LAST); 0: none.
    std::size_t last_seen() const;

    // Sets \Seen on what was retrieved; takes it from all (RSET where LAST counts).
    [[nodiscard]] Task<void> note_seen();
    [[nodiscard]] Task<void> forget_seen();

    // QUIT: removes what was deleted, or flags it.  An error where something of it is still there.
    [[nodiscard]] Task<Result<void>> remove_deleted();

  private:
    [[nodiscard]] Task<void> find_sizes();
    [[nodiscard]] Task<void> save_sizes();
    [[nodiscard]] std::uint64_t measure(const MailMessage& message);
    void take_extensions(std::vector<UidListEntry> listed);
    void choose_messages();
    void order_messages();
    [[nodiscard]] std::string given_uidl(const MailMessage& message);
    [[nodiscard]] bool is_hidden(const MailMessage& message) const;
    [[nodiscard]] std::vector<std::uint32_t> uids_where(bool (*wanted)(const Entry&)) const;

    User& user_;
    std::shared_ptr<OpenMailbox> mailbox_;
    std::uint32_t uid_validity_ = 0;
    std::vector<Entry> entries_;
    std::size_t count_ = 0;
    std::uint64_t octets_ = 0;
    bool uidls_prepared_ = false;
    // From the uidlist, for the messages that have them: P, G, O.
    std::map<std::uint32_t, std::string> saved_uidls_;
    std::map<std::uint32_t, std::string> guids_;
    std::map<std::uint32_t, std::uint32_t> order_;
};

}  // namespace relais
