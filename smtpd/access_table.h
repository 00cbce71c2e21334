// Searches in access(5) tables.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/maps/table_set.h"

#include "smtpd/access_keys.h"
#include "smtpd/access_result.h"
#include "smtpd/restrictions.h"

namespace relais::smtpd {

// Asks for the keys in order.  True where one was found, or the table could not answer: then
// `verdict` says what that means.
struct AccessOutcome {
    bool decided = false;
    Verdict verdict = Verdict::kDunno;
};

// `check` and `judged` outlive the task.
[[nodiscard]] Task<AccessOutcome> search_access(Check& check, const Judged& judged,
                                                std::shared_ptr<const TableSet> table,
                                                AccessKeys keys);

// A host by its name and one of its addresses.
[[nodiscard]] Task<AccessOutcome> search_access_of_host(Check& check, const Judged& judged,
                                                        std::shared_ptr<const TableSet> table,
                                                        std::string name, std::string address);

}  // namespace relais::smtpd
