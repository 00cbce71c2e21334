#include "lib/access/search_match.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "lib/base/strings.h"
#include "lib/imap/address_list.h"
#include "lib/imap/charset.h"
#include "lib/imap/dates.h"
#include "lib/imap/header_fields.h"
#include "lib/mail/casemap.h"

namespace relais {

namespace {

using imap::SearchKey;
using Kind = SearchKey::Kind;

// How dear it is to find out: nothing but memory, the cached facts, the file.
int cost(const SearchKey& key) {
    switch (key.kind) {
        case Kind::kBody:
        case Kind::kText:
            return 3;
        case Kind::kHeader:
        case Kind::kSentBefore:
        case Kind::kSentOn:
        case Kind::kSentSince:
        case Kind::kLarger:
        case Kind::kSmaller:
            return 2;
        case Kind::kBefore:
        case Kind::kOn:
        case Kind::kSince:
        case Kind::kSavedBefore:
        case Kind::kSavedOn:
        case Kind::kSavedSince:
        case Kind::kYounger:
        case Kind::kOlder:
        case Kind::kEmailId:
            return 1;
        default:
            break;
    }
    int most = 0;
    for (const SearchKey& child : key.children) {
        most = std::max(most, cost(child));
    }
    return most;
}

bool is_address_field(std::string_view name) {
    constexpr std::array<std::string_view, 6> kNames = {"From",   "To",  "Cc",
                                                        "Sender", "Bcc", "Reply-To"};
    return std::ranges::any_of(kNames, [name](auto each) { return iequals(name, each); });
}

// As it stands, and in addresses also without comments, quotes, and blanks around "@".
bool field_contains(const imap::HeaderField& field, const std::string& folded) {
    std::string value = imap::unfold(field.value);
    if (text_contains(imap::single_blanks(imap::decode_header(value)), folded)) {
        return true;
    }
    bool plain = value.find_first_of("(\"\\") == std::string::npos &&
                 value.find(" @") == std::string::npos && value.find("@ ") == std::string::npos;
    return !plain && is_address_field(field.name) &&
           text_contains(imap::show_address_list(value), folded);
}

bool compare_day(Kind kind, std::int64_t day, std::int64_t wanted) {
    switch (kind) {
        case Kind::kBefore:
        case Kind::kSentBefore:
        case Kind::kSavedBefore:
            return day < wanted;
        case Kind::kOn:
        case Kind::kSentOn:
        case Kind::kSavedOn:
            return day == wanted;
        default:
            return day >= wanted;
    }
}

}  // namespace

SearchMatch::SearchMatch(Selected& selected, SearchKey key)
    : selected_(selected), key_(std::move(key)), now_(::time(nullptr)) {
    prepare(key_);
}

void SearchMatch::prepare(SearchKey& key) {
    switch (key.kind) {
        case Kind::kSequence:
            key.set = key.set.resolve(std::max(selected_.count(), 1U));
            break;
        case Kind::kUid: {
            Mailbox::Uids uids = selected_.box().uids();
            key.set = key.set.resolve(uids->empty() ? 1 : uids->back());
            break;
        }
        case Kind::kSaved:
            key.kind = Kind::kUid;
            for (std::uint32_t uid : selected_.saved) {
                key.set.add(uid);
            }
            break;
        case Kind::kHeader:
            key.text = unicode_casemap(imap::single_blanks(key.text));
            break;
        case Kind::kBody:
        case Kind::kText:
            key.number = static_cast<std::int64_t>(sought_.size());
            sought_.push_back({key.kind == Kind::kBody ? SoughtText::Where::kBody
                                                       : SoughtText::Where::kEverywhere,
                               unicode_casemap(key.text)});
            break;
        default:
            break;
    }
    for (SearchKey& child : key.children) {
        prepare(child);
    }
    std::ranges::sort(key.children, {}, cost);
}

bool SearchMatch::considers(std::uint32_t sequence, std::uint32_t uid) const {
    auto allows = [&](const SearchKey& key) {
        return (key.kind != Kind::kSequence || key.set.contains(sequence)) &&
               (key.kind != Kind::kUid || key.set.contains(uid));
    };
    return allows(key_) && (key_.kind != Kind::kAnd || std::ranges::all_of(key_.children, allows));
}

void SearchMatch::begin(std::uint32_t sequence, const MailMessage& message, Pass pass) {
    message_ = &message;
    sequence_ = sequence;
    pass_ = pass;
    text_asked_ = false;
    answers_ = nullptr;
    text_.reset();
    file_.reset();
    file_failed_ = false;
}

std::optional<bool> SearchMatch::matches_without_texts(std::uint32_t sequence,
                                                       const MailMessage& message) {
    begin(sequence, message, Pass::kWithoutTexts);
    bool found = test(key_);
    return text_asked_ ? std::nullopt : std::optional(found);
}

bool SearchMatch::matches(std::uint32_t sequence, const MailMessage& message,
                          const std::optional<TextAnswers>& answers) {
    begin(sequence, message, Pass::kWhole);
    answers_ = answers ? &*answers : nullptr;
    return test(key_);
}

bool SearchMatch::test(const SearchKey& key) {
    switch (key.kind) {
        case Kind::kAll:
            return true;
        case Kind::kAnd:
            return std::ranges::all_of(key.children,
                                       [this](const SearchKey& c) { return test(c); });
        case Kind::kOr:
            return std::ranges::any_of(key.children,
                                       [this](const SearchKey& c) { return test(c); });
        case Kind::kNot:
            return !test(key.children.front());
        case Kind::kSequence:
            return key.set.contains(sequence_);
        case Kind::kUid:
            return key.set.contains(message_->uid);
        case Kind::kFlag:
            return test_flag(key);
        case Kind::kEmailId:
            return ids_.id_of(selected_.box(), *message_) == key.text;
        case Kind::kThreadId:
            return false;
        case Kind::kModseq:
            return selected_.box().modseq_of(*message_) >= static_cast<std::uint64_t>(key.number);
        case Kind::kRecent:
            return selected_.is_recent(message_->uid);
        case Kind::kLarger:
        case Kind::kSmaller: {
            auto size = wire_size_of(selected_.mailbox(), *message_);
            auto limit = static_cast<std::uint64_t>(key.number);
            return size && (key.kind == Kind::kLarger ? *size > limit : *size < limit);
        }
        case Kind::kHeader:
            return test_header(key);
        case Kind::kBody:
        case Kind::kText:
            return test_text(key);
        default:
            return test_date(key);
    }
}

bool SearchMatch::test_flag(const SearchKey& key) const {
    struct Named {
        std::string_view name;
        std::uint8_t bit;
    };

    constexpr std::array<Named, 5> kFlags = {{{"\\Answered", MessageFlags::kAnswered},
                                              {"\\Deleted", MessageFlags::kDeleted},
                                              {"\\Draft", MessageFlags::kDraft},
                                              {"\\Flagged", MessageFlags::kFlagged},
                                              {"\\Seen", MessageFlags::kSeen}}};
    for (const Named& flag : kFlags) {
        if (flag.name == key.text) {
            return (message_->system & flag.bit) != 0;
        }
    }
    return selected_.box().has_keyword(*message_, key.text);
}

bool SearchMatch::test_date(const SearchKey& key) {
    if (key.kind == Kind::kSentBefore || key.kind == Kind::kSentOn ||
        key.kind == Kind::kSentSince) {
        return compare_day(key.kind, imap::day_of_sending(header_for("Date")), key.number);
    }
    bool saved = key.kind == Kind::kSavedBefore || key.kind == Kind::kSavedOn ||
                 key.kind == Kind::kSavedSince;
    auto received = saved ? saved_of(selected_.mailbox(), *message_)
                          : received_of(selected_.mailbox(), *message_);
    if (!received) {
        return false;
    }
    if (key.kind == Kind::kYounger || key.kind == Kind::kOlder) {
        bool younger = *received >= now_ - key.number;
        return younger == (key.kind == Kind::kYounger);
    }
    return compare_day(key.kind, imap::local_day(*received), key.number);
}

bool SearchMatch::load_file() {
    if (!file_ && !file_failed_) {
        auto file = MessageFile::open(selected_.box(), *message_);
        if (file) {
            file_.emplace(std::move(*file));
        }
        file_failed_ = !file;
    }
    return file_.has_value();
}

// A header in which the field can be found if the message has it.
std::string_view SearchMatch::header_for(std::string_view field) {
    if (!file_ && is_kept_field(field)) {
        auto facts = facts_of(selected_.mailbox(), *message_);
        if (facts) {
            return facts->header;
        }
    }
    return load_file() ? header_of(file_->text()) : std::string_view();
}

// RFC 3501 6.4.4: an empty text matches every message that has the field at all.
bool SearchMatch::test_header(const SearchKey& key) {
    imap::HeaderWalk walk(header_for(key.field));
    while (auto field = walk.next()) {
        if (iequals(field->name, key.field) &&
            (key.text.empty() || field_contains(*field, key.text))) {
            return true;
        }
    }
    return false;
}

bool SearchMatch::test_text(const SearchKey& key) {
    auto number = static_cast<std::size_t>(key.number);
    if (pass_ == Pass::kWithoutTexts) {
        text_asked_ = true;
        return false;
    }
    if (answers_ != nullptr) {
        return (*answers_)[number];
    }
    if (!load_file()) {
        return false;
    }
    if (!text_) {
        text_.emplace(file_->text());
    }
    return text_->contains(sought_[number]);
}

}  // namespace relais
