// The search queries of doveadm: IMAP's keys, the mailboxes among them, dates as people write them,
// "OR" between keys, and parentheses, each of them a word of the command line.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/search_match.h"
#include "lib/access/selected.h"
#include "lib/access/user.h"
#include "lib/imap/search_key.h"
#include "lib/store/uidlist.h"

namespace relais::doveadm {

struct QueryNode {
    enum class Kind {
        kAnd,
        kOr,
        kNot,
        kMailbox,      // text: pattern, as the store has names
        kMailboxGuid,  // text
        kGuid,         // text
        kTime,
        kImap,  // key
    };
    enum class Clock { kReceived, kSent, kSaved };
    enum class Relation { kBefore, kOn, kSince };

    Kind kind = Kind::kAnd;
    std::vector<QueryNode> children;
    std::string text;
    std::string word;  // kMailbox: as it was written
    Clock clock = Clock::kReceived;
    Relation relation = Relation::kBefore;
    std::int64_t time = 0;
    imap::SearchKey key;
};

class Query {
  public:
    // Ends the process where the words are no query.
    [[nodiscard]] static Query parse(const std::vector<std::string>& words);

    // For commands that remove: ends the process where some way to meet the query names no mailbox,
    // or nothing but mailboxes.
    void expect_care(std::string_view command) const;

    // The mailboxes in which there may be such messages, INBOX last as Dovecot has it.
    [[nodiscard]] std::vector<std::string> mailboxes(const User& user,
                                                     const std::vector<std::string>& all) const;

    // The names in it, without wildcards, of mailboxes that are not there.
    [[nodiscard]] std::vector<std::string> missing(User& user) const;

    const QueryNode& root() const { return root_; }

  private:
    QueryNode root_;
};

// A query for the messages of one mailbox.
class QueryMatch {
  public:
    QueryMatch(const Query& query, Selected& selected, char separator);

    // The UIDs of the messages that fit, ascending.  Texts are looked into by threads, and only
    // where nothing else decides.
    [[nodiscard]] Task<std::vector<std::uint32_t>> find(Mailbox::Uids uids);

  private:
    struct Candidate {
        std::uint32_t sequence;
        MailMessage message;
    };

    void prepare(const QueryNode& node);
    [[nodiscard]] Task<void> judge(std::vector<Candidate> candidates);
    void note(const Candidate& candidate, bool fits);
    void look_at(const Candidate& candidate);
    std::optional<bool> decide(const QueryNode& node);
    std::optional<bool> decide_together(const QueryNode& node, bool decisive);
    bool test(const QueryNode& node);
    bool test_key(const QueryNode& node);
    bool test_time(const QueryNode& node);
    const UidList& list();

    const Query& query_;
    Selected& selected_;
    char separator_;
    std::map<const QueryNode*, std::unique_ptr<SearchMatch>> keys_;
    std::unique_ptr<UidList> list_;
    std::vector<std::uint32_t> found_;
    // The message at hand, and what was found in its texts for each key.
    std::uint32_t sequence_ = 0;
    const MailMessage* message_ = nullptr;
    std::size_t place_ = 0;
    std::map<const QueryNode*, std::vector<std::optional<TextAnswers>>> answers_;
};

// When the message came into its mailbox, as its file tells: the time of its last change.
[[nodiscard]] Result<std::int64_t> saved_at(Mailbox& box, const MailMessage& message);

// What the Date: header says; 0 where there is none that can be read, as with Dovecot.
[[nodiscard]] std::int64_t sent_at(OpenMailbox& mailbox, const MailMessage& message);

}  // namespace relais::doveadm
