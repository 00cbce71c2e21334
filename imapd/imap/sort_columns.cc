#include "imapd/imap/sort_columns.h"

#include <algorithm>
#include <numeric>

#include "lib/access/message_facts.h"
#include "lib/imap/dates.h"
#include "lib/imap/header_fields.h"

#include "imapd/imap/progress.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 200;
constexpr std::size_t kMostKept = std::size_t{256} << 20;
constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

std::uint64_t ordered(std::int64_t value) {
    return static_cast<std::uint64_t>(value) ^ kSignBit;
}

std::uint64_t first_bytes(std::string_view text) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        value = value << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
    }
    return value;
}

// RFC 5256 2.2: a date that cannot be understood is replaced by that of the arrival.
std::int64_t sent_time(OpenMailbox& mailbox, const MailMessage& message) {
    auto facts = facts_of(mailbox, message);
    if (!facts) {
        return received_of(mailbox, message).value_or(0);
    }
    auto field = imap::find_field(facts->header, "Date");
    auto date = field ? imap::parse_header_date(field->value) : std::nullopt;
    return date ? date->time : facts->received;
}

}  // namespace

std::int64_t SortColumn::Cell::number() const {
    return static_cast<std::int64_t>(begin ^ kSignBit);
}

std::string_view SortColumn::text_of(const Cell& cell) const {
    return std::string_view(texts_).substr(cell.offset, cell.size);
}

bool SortColumn::less(const Cell& a, const Cell& b) const {
    return a.begin != b.begin ? a.begin < b.begin : text_of(a) < text_of(b);
}

void SortColumn::set_text(Cell& cell, std::string_view text) {
    cell.begin = first_bytes(text);
    cell.offset = static_cast<std::uint32_t>(texts_.size());
    cell.size = static_cast<std::uint16_t>(text.size());
    texts_ += text;
}

SortColumn::Cell SortColumn::make_cell(OpenMailbox& mailbox, const MailMessage& message) {
    Cell cell;
    cell.uid = message.uid;
    switch (key_) {
        case imap::SortKey::kArrival:
            cell.begin = ordered(received_of(mailbox, message).value_or(0));
            break;
        case imap::SortKey::kSize:
            cell.begin =
                ordered(static_cast<std::int64_t>(wire_size_of(mailbox, message).value_or(0)));
            break;
        case imap::SortKey::kDate:
            cell.begin = ordered(sent_time(mailbox, message));
            break;
        default: {
            auto facts = facts_of(mailbox, message);
            if (facts) {
                imap::SortText value = imap::sort_text(key_, facts->header);
                cell.is_reply = value.is_reply;
                set_text(cell, value.text);
            }
            break;
        }
    }
    return cell;
}

// Cells of messages that are gone go when there are more of them than of others.
void SortColumn::drop_gone(const std::vector<std::uint32_t>& live) {
    if (cells_.size() < live.size() * 2 + kChunk) {
        return;
    }
    std::erase_if(
        cells_, [&live](const Cell& cell) { return !std::ranges::binary_search(live, cell.uid); });
    std::string kept;
    for (Cell& cell : cells_) {
        std::string_view text = text_of(cell);
        cell.offset = static_cast<std::uint32_t>(kept.size());
        kept += text;
    }
    texts_.swap(kept);
}

void SortColumn::set_ranks() {
    std::vector<std::uint32_t> order(cells_.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(
        order, [this](std::uint32_t a, std::uint32_t b) { return less(cells_[a], cells_[b]); });
    std::uint32_t rank = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        Cell& cell = cells_[order[i]];
        bool first_is_least = cell.begin == 0 && cell.size == 0;
        if (i == 0 ? !first_is_least : less(cells_[order[i - 1]], cell)) {
            ++rank;
        }
        cell.rank = rank;
    }
}

Task<void> SortColumn::prepare(OpenMailbox& mailbox, const std::vector<std::uint32_t>& uids,
                               Progress& progress) {
    std::vector<Cell> fresh;
    auto known = cells_.begin();
    std::vector<std::uint32_t> missing;
    for (std::uint32_t uid : uids) {
        known =
            std::lower_bound(known, cells_.end(), uid,
                             [](const Cell& cell, std::uint32_t each) { return cell.uid < each; });
        if (known == cells_.end() || known->uid != uid) {
            missing.push_back(uid);
        }
    }
    for (std::size_t i = 0; i < missing.size(); ++i) {
        if (key_ != imap::SortKey::kArrival) {
            co_await gather_ahead(
                mailbox, missing, i,
                key_ == imap::SortKey::kSize ? WantedFacts::kWireSize : WantedFacts::kAll);
        }
        const MailMessage* message = mailbox.box.find(missing[i]);
        if (message != nullptr) {
            MailMessage copy = *message;
            fresh.push_back(make_cell(mailbox, copy));
        }
        if (progress.due()) {
            co_await progress.tell(i);
        }
        if (i % kChunk == kChunk - 1) {
            co_await yield();
        }
    }
    if (fresh.empty()) {
        co_return;
    }
    // Another session may have added the same ones meanwhile.
    std::vector<Cell> all;
    std::ranges::set_union(cells_, fresh, std::back_inserter(all), {}, &Cell::uid, &Cell::uid);
    cells_.swap(all);
    drop_gone(*mailbox.box.uids());
    set_ranks();
}

std::vector<SortColumn::Cell> SortColumn::cells_of(std::span<const std::uint32_t> uids) const {
    std::vector<Cell> found;
    found.reserve(uids.size());
    auto at = cells_.begin();
    for (std::uint32_t uid : uids) {
        at = std::lower_bound(at, cells_.end(), uid,
                              [](const Cell& cell, std::uint32_t each) { return cell.uid < each; });
        Cell none;
        none.uid = uid;
        found.push_back(at != cells_.end() && at->uid == uid ? *at : none);
    }
    return found;
}

std::shared_ptr<SortColumn> SortColumns::column(std::uint32_t uid_validity, imap::SortKey key) {
    if (uid_validity != uid_validity_) {
        columns_.clear();
        uid_validity_ = uid_validity;
    }
    auto& column = columns_[key];
    if (!column) {
        column = std::make_shared<SortColumn>(key);
    }
    return column;
}

void SortColumns::limit() {
    std::size_t total = 0;
    for (const auto& [key, column] : columns_) {
        total += column->bytes();
    }
    if (total > kMostKept) {
        columns_.clear();
    }
}

}  // namespace relais
