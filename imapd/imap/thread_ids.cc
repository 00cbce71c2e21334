#include "imapd/imap/thread_ids.h"

#include <algorithm>

#include "lib/access/message_facts.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/message_ids.h"

#include "imapd/imap/progress.h"

namespace relais {

namespace {

constexpr std::size_t kChunk = 200;
constexpr std::size_t kMostReferences = 200;  // of one message
constexpr std::size_t kMostKept = std::size_t{256} << 20;

// RFC 5256 3: References, or where it names nothing, the first id of In-Reply-To.
std::vector<std::string> references_in(std::string_view header) {
    auto field = imap::find_field(header, "References");
    auto ids =
        field ? imap::parse_message_ids(field->value, kMostReferences) : std::vector<std::string>();
    auto reply = ids.empty() ? imap::find_field(header, "In-Reply-To") : std::nullopt;
    if (reply) {
        ids = imap::parse_message_ids(reply->value, kMostReferences);
        ids.resize(std::min<std::size_t>(ids.size(), 1));
    }
    return ids;
}

}  // namespace

void ThreadIds::forget() {
    numbers_.clear();
    references_.clear();
    cells_.clear();
    bytes_ = 0;
    ++generation_;
}

std::uint32_t ThreadIds::number_of(std::string id) {
    bytes_ += id.size();
    auto next = static_cast<std::uint32_t>(numbers_.size());
    return numbers_.try_emplace(std::move(id), next).first->second;
}

ThreadIds::Cell ThreadIds::read(OpenMailbox& mailbox, std::uint32_t uid) {
    Cell cell;
    cell.uid = uid;
    cell.references_at = static_cast<std::uint32_t>(references_.size());
    const MailMessage* message = mailbox.box.find(uid);
    if (message == nullptr) {
        return cell;
    }
    MailMessage copy = *message;
    auto facts = facts_of(mailbox, copy);
    if (!facts) {
        return cell;
    }
    if (auto field = imap::find_field(facts->header, "Message-ID")) {
        auto ids = imap::parse_message_ids(field->value, kMostReferences);
        cell.id = ids.empty() ? imap::ThreadMessage::kNoId : number_of(std::move(ids.front()));
    }
    for (std::string& id : references_in(facts->header)) {
        references_.push_back(number_of(std::move(id)));
    }
    cell.references = static_cast<std::uint32_t>(references_.size()) - cell.references_at;
    return cell;
}

std::vector<std::uint32_t> ThreadIds::missing(const std::vector<std::uint32_t>& uids) const {
    std::vector<std::uint32_t> missing;
    auto at = cells_.begin();
    for (std::uint32_t uid : uids) {
        at = std::lower_bound(at, cells_.end(), uid,
                              [](const Cell& cell, std::uint32_t each) { return cell.uid < each; });
        if (at == cells_.end() || at->uid != uid) {
            missing.push_back(uid);
        }
    }
    return missing;
}

Task<void> ThreadIds::prepare(OpenMailbox& mailbox, const std::vector<std::uint32_t>& uids,
                              Progress& progress) {
    std::size_t kept = bytes_ + references_.size() * sizeof(std::uint32_t);
    std::size_t live = mailbox.box.messages().size();
    if (mailbox.box.uid_validity() != uid_validity_ || kept > kMostKept ||
        cells_.size() > live * 2 + kChunk) {
        forget();
        uid_validity_ = mailbox.box.uid_validity();
    }
    std::uint64_t generation = generation_;
    std::vector<std::uint32_t> unknown = missing(uids);
    std::vector<Cell> fresh;
    while (fresh.size() < unknown.size()) {
        co_await gather_ahead(mailbox, unknown, fresh.size(), WantedFacts::kAll);
        fresh.push_back(read(mailbox, unknown[fresh.size()]));
        if (progress.due()) {
            co_await progress.tell(fresh.size());
        }
        if (fresh.size() % kChunk == 0) {
            co_await yield();
        }
        if (generation != generation_) {
            // Another session has found that it is too much: once more from the beginning.
            generation = generation_;
            unknown = missing(uids);
            fresh.clear();
        }
    }
    std::vector<Cell> all;
    std::ranges::set_union(cells_, fresh, std::back_inserter(all), {}, &Cell::uid, &Cell::uid);
    cells_.swap(all);
}

void ThreadIds::fill(std::uint32_t uid, imap::ThreadMessage& message) const {
    auto at = std::ranges::lower_bound(cells_, uid, {}, &Cell::uid);
    if (at != cells_.end() && at->uid == uid) {
        message.id = at->id;
        message.references = std::span(references_).subspan(at->references_at, at->references);
    }
}

}  // namespace relais
