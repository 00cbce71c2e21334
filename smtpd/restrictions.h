// Restriction lists (smtpd_recipient_restrictions and its kin): compiled once from main.cf, then
// run for each command.  A restriction is an entry of the table in restriction_table.cc and a
// function; the engine knows no names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/task.h"

#include "smtpd/checks.h"

namespace relais::smtpd {

class Session;

enum class Verdict {
    kDunno,   // ask the next restriction
    kPermit,  // no further restriction of this list
    kReject,  // Check::reply says with what
};

// One run of a list: what is being judged, in the words of its reply.
struct Check {
    Check(Session& s, std::string_view reply_class, std::string subject_text)
        : session(s), subject_class(reply_class), subject(std::move(subject_text)) {}

    Session& session;
    std::string_view subject_class;  // "Recipient address"
    std::string subject;             // what its reply puts in "<...>"
    std::string recipient;           // of RCPT, VRFY
    bool warn_only = false;          // after warn_if_reject
    std::string reply;

    // Refuses with "CODE DSN TEXT" (logged), or only says so in the log after warn_if_reject.
    [[nodiscard]] Verdict reject(int code, std::string_view dsn, std::string_view text);

    // Refuses at the end unless something rejects first; and the reverse.
    void defer_if_permit(int code, std::string_view dsn, std::string_view text);
    void defer_if_reject(int code, std::string_view dsn, std::string_view text);

    // A lookup failed for now: "451 4.3.0 <subject>: Temporary lookup failure".
    [[nodiscard]] Verdict reject_lookup_failure(std::string_view about);

    // main.cf is wrong.
    [[nodiscard]] Verdict reject_configuration();
};

// `argument` outlives the task.
using Restriction = Task<Verdict> (*)(Check&, const std::string& argument);

enum class Argument { kNone, kOne };

struct RestrictionInfo {
    std::string_view name;
    Restriction run;
    Argument argument = Argument::kNone;
    bool guards_relay = false;  // refuses mail for strangers: one such must be in the lists
};

// Null for a name that is not in the table.
[[nodiscard]] const RestrictionInfo* find_restriction(std::string_view name);

class RestrictionList {
  public:
    RestrictionList() = default;
    // `parameter` is its name in main.cf.
    RestrictionList(std::string parameter, std::string_view text);

    bool empty() const { return items_.empty(); }

    bool guards_relay() const;

    // The list must outlive the task.
    [[nodiscard]] Task<Verdict> run(Check& check) const;

  private:
    struct Item {
        const RestrictionInfo* info = nullptr;  // null: not known
        std::string name;
        std::string argument;
        bool warn_only = false;
        std::shared_ptr<RestrictionList> nested;  // a restriction class
    };

    void add(const std::vector<std::string>& words, int depth);

    std::string parameter_;
    std::vector<Item> items_;
};

}  // namespace relais::smtpd
