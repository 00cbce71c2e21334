#include "lib/access/message_facts.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include <sys/stat.h>

#include "lib/base/strings.h"
#include "lib/event/shares.h"
#include "lib/imap/envelope.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/mime_tree.h"
#include "lib/imap/preview.h"

namespace relais {

namespace {

constexpr std::uint32_t kNoPreview = 0xffffffff;  // nobody has asked for it yet

// How facts lie in the cache: this, then the header, the structure and the preview.
struct FactsHeader {
    std::uint64_t size;
    std::uint64_t wire_size;
    std::int64_t received;
    std::uint32_t header_size;
    std::uint32_t structure_size;
    std::uint32_t preview_size;
    std::uint32_t reserved;
};

std::optional<MessageFacts> parse_facts(std::string_view blob) {
    FactsHeader header;
    if (blob.size() < sizeof(header)) {
        return std::nullopt;
    }
    std::memcpy(&header, blob.data(), sizeof(header));
    blob.remove_prefix(sizeof(header));
    std::uint32_t preview = header.preview_size == kNoPreview ? 0 : header.preview_size;
    if (blob.size() != std::uint64_t{header.header_size} + header.structure_size + preview) {
        return std::nullopt;
    }
    MessageFacts facts;
    facts.size = header.size;
    facts.wire_size = header.wire_size;
    facts.received = header.received;
    facts.header = blob.substr(0, header.header_size);
    facts.structure = blob.substr(header.header_size, header.structure_size);
    if (header.preview_size != kNoPreview) {
        facts.preview = blob.substr(header.header_size + header.structure_size);
    }
    return facts;
}

enum class Preview { kNo, kYes };

std::string make_facts(std::string_view text, std::int64_t received, Preview with_preview) {
    imap::MimePart root = imap::parse_mime(text);
    std::string kept;
    imap::HeaderWalk walk(text.substr(0, root.body.offset));
    while (auto field = walk.next()) {
        if (is_kept_field(field->name)) {
            kept += field->whole;
        }
    }
    std::string structure;
    imap::append_body(structure, text, root, imap::BodyForm::kBodyStructure);
    std::string preview =
        with_preview == Preview::kYes ? imap::make_preview(text, root) : std::string();
    FactsHeader header{
        text.size(),
        root.end.wire(),
        received,
        static_cast<std::uint32_t>(kept.size()),
        static_cast<std::uint32_t>(structure.size()),
        with_preview == Preview::kYes ? static_cast<std::uint32_t>(preview.size()) : kNoPreview,
        0};
    std::string blob(reinterpret_cast<const char*>(&header), sizeof(header));
    blob += kept;
    blob += structure;
    blob += preview;
    return blob;
}

}  // namespace

bool is_kept_field(std::string_view name) {
    if (istarts_with(name, "X-") || istarts_with(name, "ARC-") || istarts_with(name, "DKIM-") ||
        istarts_with(name, "Received")) {
        // X-Priority and the like are what clients show in lists.
        return iequals(name, "X-Priority") || iequals(name, "X-Spam-Flag") ||
               iequals(name, "X-MSMail-Priority");
    }
    return !iequals(name, "Authentication-Results") && !iequals(name, "Return-Path");
}

bool is_in_facts(const imap::Section& section) {
    return section.path.empty() && section.kind == imap::Section::Kind::kFields &&
           std::ranges::all_of(section.fields, is_kept_field);
}

namespace {

std::optional<MessageFacts> cached_facts(OpenMailbox& mailbox, const MailMessage& message) {
    mailbox.cache.open(mailbox.box.uid_validity());
    auto blob = mailbox.cache.find(message.uid);
    return blob ? parse_facts(*blob) : std::nullopt;
}

// Reads the file, and puts what it finds into the cache.
Result<MessageFacts> read_facts(OpenMailbox& mailbox, const MailMessage& message,
                                Preview with_preview) {
    auto file = MessageFile::open(mailbox.box, message);
    if (!file) {
        return fail_with(file);
    }
    std::string made = make_facts(file->text(), file->received(), with_preview);
    mailbox.cache.put(message.uid, made);
    auto blob = mailbox.cache.find(message.uid);
    if (!blob || blob->size() != made.size()) {
        mailbox.large_facts = std::move(made);
        blob = mailbox.large_facts;
    }
    auto facts = parse_facts(*blob);
    if (!facts) {
        return fail(Errc::kTooLarge, "the message's header is too long");
    }
    return *facts;
}

constexpr std::size_t kWorthThreads = 4;  // fewer files are read sooner than these have begun

// A message of which nothing is known yet.
struct Unknown {
    std::uint32_t uid;
    Mailbox::Reading reading;
    std::string facts{};
};

std::vector<Unknown> unknown_among(OpenMailbox& mailbox, std::span<const std::uint32_t> uids,
                                   WantedFacts wanted) {
    std::vector<Unknown> unknown;
    mailbox.cache.open(mailbox.box.uid_validity());
    for (std::uint32_t uid : uids) {
        const MailMessage* message = mailbox.cache.contains(uid) ? nullptr : mailbox.box.find(uid);
        const bool told = message != nullptr && wanted == WantedFacts::kWireSize &&
                          mailbox.box.known_size(*message, MessageSize::kWire);
        if (message != nullptr && !told) {
            unknown.push_back({uid, mailbox.box.reading(*message)});
        }
    }
    return unknown;
}

// Of all messages that are read ahead: one made for it has facts of MessageCache::kMaxBlob bytes.
constexpr std::size_t kMostAhead = std::size_t{16} << 20;

void read_unknown(Unknown& message) {
    auto stored = message.reading();
    if (!stored) {
        return;
    }
    message.facts = make_facts(stored->text, stored->received, Preview::kNo);
    if (message.facts.size() > MessageCache::kMaxBlob) {
        message.facts = std::string();
    }
}

}  // namespace

Task<void> gather_facts(OpenMailbox& mailbox, std::span<const std::uint32_t> uids,
                        WantedFacts wanted) {
    const std::uint32_t validity = mailbox.box.uid_validity();
    std::vector<Unknown> unknown = unknown_among(mailbox, uids, wanted);
    if (unknown.size() < kWorthThreads) {
        co_return;
    }
    std::atomic<std::size_t> held = 0;
    ShareOfWork work = [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end && held < kMostAhead; ++i) {
            read_unknown(unknown[i]);
            held += unknown[i].facts.size();
        }
    };
    co_await run_in_shares(unknown.size(), std::move(work));
    if (mailbox.box.uid_validity() != validity) {
        co_return;
    }
    mailbox.cache.open(validity);
    for (const Unknown& message : unknown) {
        if (!message.facts.empty() && !mailbox.cache.contains(message.uid)) {
            mailbox.cache.put(message.uid, message.facts);
        }
    }
}

Task<void> gather_ahead(OpenMailbox& mailbox, std::span<const std::uint32_t> uids, std::size_t i,
                        WantedFacts wanted) {
    if (i % kFactsAtOnce == 0) {
        auto next = uids.subspan(i, std::min(kFactsAtOnce, uids.size() - i));
        co_await gather_facts(mailbox, next, wanted);
    }
}

Result<MessageFacts> facts_of(OpenMailbox& mailbox, const MailMessage& message) {
    auto facts = cached_facts(mailbox, message);
    return facts ? *facts : read_facts(mailbox, message, Preview::kNo);
}

Result<MessageFacts> facts_with_preview(OpenMailbox& mailbox, const MailMessage& message) {
    auto facts = cached_facts(mailbox, message);
    return facts && facts->preview ? *facts : read_facts(mailbox, message, Preview::kYes);
}

Result<std::uint64_t> wire_size_of(OpenMailbox& mailbox, const MailMessage& message) {
    if (auto size = mailbox.box.known_size(message, MessageSize::kWire)) {
        return *size;
    }
    auto facts = facts_of(mailbox, message);
    if (!facts) {
        return fail_with(facts);
    }
    return facts->wire_size;
}

Result<std::int64_t> received_of(OpenMailbox& mailbox, const MailMessage& message) {
    if (auto facts = cached_facts(mailbox, message)) {
        return facts->received;
    }
    auto times = mailbox.box.times_of(message);
    return times ? Result<std::int64_t>(times->received) : fail_with(times);
}

Result<std::int64_t> saved_of(OpenMailbox& mailbox, const MailMessage& message) {
    constexpr std::uint64_t kOldest = 100'000'000;  // names that begin otherwise tell no time
    const std::string name = mailbox.box.base_name(message);
    auto seconds = parse_uint(std::string_view(name).substr(0, name.find('.')));
    auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(::time(nullptr), 0));
    if (seconds && *seconds >= kOldest && *seconds <= now + 86400) {
        return static_cast<std::int64_t>(*seconds);
    }
    auto times = mailbox.box.times_of(message);
    return times ? Result<std::int64_t>(times->saved) : fail_with(times);
}

}  // namespace relais
