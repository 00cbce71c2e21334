#include "imapd/imap/sort_run.h"

#include <algorithm>
#include <span>

#include "imapd/imap/progress.h"

namespace relais {

namespace {

// The places of values in the order of the values; equal ones stay as they are.
std::vector<std::uint32_t> order_of(const std::vector<std::vector<std::uint32_t>>& ranks) {
    std::vector<std::uint64_t> keys;
    keys.reserve(ranks.front().size());
    for (std::uint32_t rank : ranks.front()) {
        keys.push_back(std::uint64_t{rank} << 32 | keys.size());
    }
    auto others = std::span(ranks).subspan(1);
    std::ranges::sort(keys, [others](std::uint64_t a, std::uint64_t b) {
        if (a >> 32 != b >> 32) {
            return a < b;
        }
        auto x = static_cast<std::uint32_t>(a);
        auto y = static_cast<std::uint32_t>(b);
        for (const auto& values : others) {
            if (values[x] != values[y]) {
                return values[x] < values[y];
            }
        }
        return x < y;
    });
    std::vector<std::uint32_t> order;
    order.reserve(keys.size());
    for (std::uint64_t key : keys) {
        order.push_back(static_cast<std::uint32_t>(key));
    }
    return order;
}

}  // namespace

Orders& orders_of(OpenMailbox& mailbox) {
    if (!mailbox.memory) {
        mailbox.memory = std::make_unique<Orders>();
    }
    return static_cast<Orders&>(*mailbox.memory);
}

Task<std::vector<std::uint32_t>> sort_messages(Session& session,
                                               std::vector<imap::SortCriterion> program,
                                               std::vector<std::uint32_t> uids, std::string tag) {
    OpenMailbox& mailbox = session.selected->mailbox();
    Orders& orders = orders_of(mailbox);
    Progress progress(session, std::move(tag), uids.size());
    std::vector<std::vector<std::uint32_t>> ranks;
    for (const imap::SortCriterion& criterion : program) {
        auto column = orders.columns.column(mailbox.box.uid_validity(), criterion.key);
        co_await column->prepare(mailbox, uids, progress);
        std::vector<std::uint32_t>& values = ranks.emplace_back();
        for (const SortColumn::Cell& cell : column->cells_of(uids)) {
            values.push_back(criterion.reverse ? ~cell.rank : cell.rank);
        }
    }
    orders.columns.limit();
    std::vector<std::uint32_t> order = order_of(ranks);
    for (std::uint32_t& each : order) {
        each = uids[each];
    }
    co_return order;
}

}  // namespace relais
