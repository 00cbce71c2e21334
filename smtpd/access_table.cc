// How access tables are searched: see the header.
#include "smtpd/access_table.h"

#include "lib/base/log.h"
#include "lib/config/config.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Task<AccessOutcome> search_access(Check& check, const Judged& judged,
                                  std::shared_ptr<const TableSet> table, AccessKeys keys) {
    for (const auto& key : keys) {
        auto found = co_await table->lookup(key.text, key.kind);
        if (found.is_missing()) {
            continue;
        }
        if (found.is_found()) {
            const auto reference = table->tables().front()->reference();
            const AccessSource source{reference, key.text};
            const auto verdict =
                co_await apply_access_result(check, judged, source, std::move(found).value());
            co_return AccessOutcome{true, verdict};
        }
        co_return AccessOutcome{true, check.reject_configuration(judged.name, judged.reply_class)};
    }
    co_return AccessOutcome{};
}

Task<AccessOutcome> search_access_of_host(Check& check, const Judged& judged,
                                          std::shared_ptr<const TableSet> table, std::string name,
                                          std::string address) {
    auto outcome = co_await search_access(
        check, judged, table, keys_of_domain(name, check.session.site.parents_in_access));
    if (!outcome.decided) {
        outcome = co_await search_access(check, judged, table, keys_of_network(address));
    }
    co_return outcome;
}

}  // namespace relais::smtpd
