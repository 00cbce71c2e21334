// What access(5) tables and policy services answer: OK, REJECT, "450 4.2.0 later", HOLD, FILTER,
// a restriction list, and the others.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"

#include "smtpd/restrictions.h"

namespace relais::smtpd {

// What was looked up, in the words of replies: "<NAME>: CLASS rejected: ...".
struct Judged {
    std::string name;
    std::string_view reply_class;  // "Sender address"
};

// Where an answer comes from, for warnings.
struct AccessSource {
    std::string_view table;  // "hash:/etc/postfix/access", or the name of a policy service
    std::string_view entry;  // the key
};

// Does what an answer says.  All three arguments outlive the task.
[[nodiscard]] Task<Verdict> apply_access_result(Check& check, const Judged& judged,
                                                const AccessSource& source, std::string value);

}  // namespace relais::smtpd
