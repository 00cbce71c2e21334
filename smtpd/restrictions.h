// Restriction lists (smtpd_recipient_restrictions and its kin): compiled once from main.cf, then
// run for each command.  A restriction is an entry of the table in restriction_table.cc and a
// function; the engine knows no names.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/event/task.h"
#include "lib/maps/table_set.h"

#include "smtpd/checks.h"
#include "smtpd/dnsbl.h"
#include "smtpd/map_search.h"

namespace relais::smtpd {

class PolicyClient;
class RestrictionList;
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
    int depth = 0;                   // of lists within lists
    std::string reply;

    // The sender that is being judged; "" for the null sender or none.
    const std::string& sender() const;

    // Refuses with "CODE DSN TEXT" (logged), or only says so in the log after warn_if_reject.
    [[nodiscard]] Verdict reject(int code, std::string_view dsn, std::string_view text);

    // Refuses at the end unless something rejects first; and the reverse.
    void defer_if_permit(int code, std::string_view dsn, std::string_view text);
    void defer_if_reject(int code, std::string_view dsn, std::string_view text);

    // A lookup failed for now: "451 4.3.0 <subject>: Temporary lookup failure".
    [[nodiscard]] Verdict reject_lookup_failure(std::string_view about);

    // What could not be found out: one of the *_tempfail_action parameters says what to do then.
    [[nodiscard]] Verdict reject_for_now(std::string_view action_parameter, int code,
                                         std::string_view dsn, std::string_view text);

    // main.cf or a table is wrong; with "<subject>: class rejected: " before where they are given.
    [[nodiscard]] Verdict reject_configuration();
    [[nodiscard]] Verdict reject_configuration(std::string_view about,
                                               std::string_view about_class);
};

// smtpd_log_access_permit_actions: "permit: ...: action=ACTION for CLASS=NAME ORIGIN".
[[nodiscard]] Task<void> log_permit(const Session& session, std::string action,
                                    std::string_view reply_class, std::string name,
                                    std::string origin);

// What follows a restriction's name.
enum class Argument {
    kNone,
    kWord,
    kDnsbl,   // domain or domain=filter, parsed with the list
    kTable,   // type:name, opened with the list
    kPolicy,  // a policy server
};

struct RestrictionItem;

// `item` outlives the task.
using Restriction = Task<Verdict> (*)(Check&, const RestrictionItem& item);

struct RestrictionInfo {
    std::string_view name;
    Restriction run;
    Argument argument = Argument::kNone;
    bool guards_relay = false;  // refuses mail for strangers: one such must be in the lists
};

// Null for a name that is not in the table.
[[nodiscard]] const RestrictionInfo* find_restriction(std::string_view name);

struct RestrictionItem {
    const RestrictionInfo* info = nullptr;  // null: not known, or a restriction class
    std::string name;
    std::string argument;
    bool warn_only = false;
    std::shared_ptr<const TableSet> table;
    std::optional<std::vector<CertificateKey>> search_order;  // not set: the usual one
    std::shared_ptr<PolicyClient> policy;
    std::optional<Result<DnsblSite>> dnsbl;   // the error is told at each use
    const RestrictionList* nested = nullptr;  // of a restriction class
};

class RestrictionLibrary;

class RestrictionList {
  public:
    RestrictionList() = default;
    // `default_check` is the restriction that a table without one stands for; "" where there is
    // none.
    RestrictionList(RestrictionLibrary& library, std::string_view text,
                    std::string_view default_check);

    bool empty() const { return items_.empty(); }

    // Whether one of its restrictions refuses mail for strangers, before it permits everything.
    bool guards_relay() const;

    // The list must outlive the task.
    [[nodiscard]] Task<Verdict> run(Check& check) const;

  private:
    bool guards_relay(std::vector<const RestrictionList*>& seen) const;
    std::string_view word_after(const RestrictionItem& item) const;  // "": it is the last
    RestrictionItem item_named(RestrictionLibrary& library, std::string_view word,
                               std::string_view default_check) const;

    std::vector<RestrictionItem> items_;
    bool ends_with_warning_ = false;  // a warn_if_reject with nothing behind it
};

// What lists are made of: the classes of smtpd_restriction_classes, the tables that restrictions
// name, and the lists that stand in tables as results.
class RestrictionLibrary {
  public:
    // Compiles the classes.
    RestrictionLibrary();
    RestrictionLibrary(const RestrictionLibrary&) = delete;
    RestrictionLibrary& operator=(const RestrictionLibrary&) = delete;

    // Null where there is no such class.
    const RestrictionList* find_class(std::string_view name) const;

    // The table of a restriction.  Once sealed, null unless a list in main.cf has named it before.
    std::shared_ptr<const TableSet> table(const std::string& reference);

    // The policy server of a restriction, on the same terms.
    std::shared_ptr<PolicyClient> policy(const std::string& text);

    // The list that a table or a policy service answered with.
    std::shared_ptr<const RestrictionList> list_of_result(const std::string& text);

    // From now on (in the jail) no table is opened.
    void seal() { sealed_ = true; }

  private:
    bool sealed_ = false;
    std::map<std::string, std::shared_ptr<const TableSet>, std::less<>> tables_;
    std::map<std::string, std::shared_ptr<PolicyClient>, std::less<>> policies_;
    std::map<std::string, std::unique_ptr<RestrictionList>, std::less<>> classes_;
    std::map<std::string, std::shared_ptr<const RestrictionList>, std::less<>> results_;
};

}  // namespace relais::smtpd
