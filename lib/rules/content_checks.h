// Content checks: what header_checks(5) tables say about the lines of a message.  cleanup uses them
// on mail that comes in, the SMTP client on mail that goes out (smtp_header_checks), cleanup again
// on headers that milters add (milter_header_checks).  They differ in the actions they know.
//
// What an action does to the message is the caller's business; here is what a table may say, and
// which table is asked about which line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/mail/header.h"
#include "lib/mail/mime_parser.h"
#include "lib/maps/table_set.h"

namespace relais {

enum class CheckVerb : std::uint8_t {
    kDunno,  // DUNNO, OK, and what a table should not have said: the line stays as it is
    kBcc,
    kDiscard,
    kFilter,
    kHold,
    kIgnore,
    kInfo,
    kPass,
    kPrepend,
    kRedirect,
    kReject,
    kReplace,
    kStrip,
    kWarn,
};

// The word for the log: "reject", "warning" (WARN), "replace" ...
[[nodiscard]] std::string_view check_log_word(CheckVerb verb);

// A set of actions, as bits.
using CheckVerbs = unsigned;

constexpr CheckVerbs verb_bit(CheckVerb verb) {
    return 1U << static_cast<unsigned>(verb);
}

inline constexpr CheckVerbs kCheckAll = ~0U;
inline constexpr CheckVerbs kCheckMilter = kCheckAll & ~verb_bit(CheckVerb::kPass);
// Mail that is on its way out can only be changed, not stopped.
inline constexpr CheckVerbs kCheckOutgoing =
    verb_bit(CheckVerb::kDunno) | verb_bit(CheckVerb::kIgnore) | verb_bit(CheckVerb::kInfo) |
    verb_bit(CheckVerb::kPrepend) | verb_bit(CheckVerb::kReplace) | verb_bit(CheckVerb::kStrip) |
    verb_bit(CheckVerb::kWarn);

enum class CheckedPart : std::uint8_t { kHeader, kBody };

struct CheckAction {
    CheckVerb verb = CheckVerb::kDunno;
    // What stands behind the word.  REJECT: always with a status code, "5.7.1 text" or "4....".
    std::string text;
};

// The action that a value of the table `title` asks for.  Values that make no sense are logged as a
// warning and ask for nothing.
[[nodiscard]] CheckAction parse_check_action(std::string_view value, std::string_view title,
                                             CheckedPart part, CheckVerbs known);

// The tables of one parameter.
class CheckTable {
  public:
    // `title` is the parameter's name.  Opens the tables.
    CheckTable(std::string title, std::string_view list, CheckedPart part, CheckVerbs known);

    bool empty() const { return tables_.empty(); }

    // True where a lookup may wait for another process: then lookup() is to be used.
    bool waits() const { return tables_.waits(); }

    const std::string& title() const { return tables_.title(); }

    // For a whole header, its lines joined with "\n", or a line of a body; only what stands before
    // a NUL is looked at.  An error (logged): the table cannot answer, the message has to wait.
    Result<CheckAction> find(std::string_view line) const;
    // The same where the tables wait.  The table must outlive the task.
    [[nodiscard]] Task<Result<CheckAction>> lookup(std::string line) const;

  private:
    Result<CheckAction> judge(const Lookup& answer) const;

    TableSet tables_;
    CheckedPart part_;
    CheckVerbs known_;
};

// The lists of the four parameters that belong together.
struct CheckLists {
    std::string_view header, mime, nested, body;
};

class ContentChecks {
  public:
    // `prefix` is that of the parameters' names: "", "smtp_", "lmtp_".
    ContentChecks(const std::string& prefix, const CheckLists& lists, CheckVerbs known);

    // The table for a header: MIME headers have their own, wherever they stand.
    const CheckTable& for_header(HeaderContext context, const HeaderInfo* info) const;

    const CheckTable& for_body() const { return body_; }

    // No headers are checked; nothing is.
    bool no_headers() const { return header_.empty() && mime_.empty() && nested_.empty(); }

    bool empty() const { return no_headers() && body_.empty(); }

  private:
    CheckTable header_, mime_, nested_, body_;
};

}  // namespace relais
