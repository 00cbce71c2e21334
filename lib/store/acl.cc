#include "lib/store/acl.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/wildcard.h"

namespace relais {

namespace {

using Kind = AclIdentifier::Kind;

struct NamedRight {
    std::string_view name;
    AclRights right;
};

constexpr std::array<NamedRight, 11> kNamed = {{{"lookup", AclRights::of("l")},
                                                {"read", AclRights::of("r")},
                                                {"write", AclRights::of("w")},
                                                {"write-seen", AclRights::of("s")},
                                                {"write-deleted", AclRights::of("t")},
                                                {"insert", AclRights::of("i")},
                                                {"post", AclRights::of("p")},
                                                {"expunge", AclRights::of("e")},
                                                {"create", AclRights::of("k")},
                                                {"delete", AclRights::of("x")},
                                                {"admin", AclRights::of("a")}}};

struct Prefix {
    std::string_view text;
    Kind kind;
};

constexpr std::array<Prefix, 3> kPrefixes = {
    {{"user=", Kind::kUser}, {"group=", Kind::kGroup}, {"group-override=", Kind::kGroupOverride}}};

// The word that `line` begins with, which may be quoted, taken off together with the blank behind
// it; nothing where a quotation has no end.
std::optional<std::string> take_word(std::string_view& line) {
    std::string word;
    if (!line.starts_with('"')) {
        std::size_t end = std::min(line.find(' '), line.size());
        word = line.substr(0, end);
        line = trim_left(line.substr(end), " ");
        return word;
    }
    for (std::size_t i = 1; i < line.size(); ++i) {
        if (line[i] == '"') {
            line = trim_left(line.substr(i + 1), " ");
            return word;
        }
        i += line[i] == '\\' && i + 1 < line.size() ? 1 : 0;
        word += line[i];
    }
    return std::nullopt;
}

std::string quoted_if_needed(const std::string& word) {
    if (word.find_first_of(" \"\\") == std::string::npos) {
        return word;
    }
    std::string out = "\"";
    for (char c : word) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

// "lrw :custom": letters, then names.  False where a letter is none.
bool parse_rights(std::string_view text, AclRights& rights, std::string& named) {
    auto parts = split_first(text, ':');
    auto letters = AclRights::parse(trim(parts ? parts->first : text, " \r"));
    if (!letters) {
        return false;
    }
    rights = *letters;
    for (std::string_view word : split_words(parts ? parts->second : "", " \t\r")) {
        const auto* known = std::ranges::find(kNamed, word, &NamedRight::name);
        if (known != kNamed.end()) {
            rights = rights | known->right;
        } else {
            named += (named.empty() ? "" : " ") + std::string(word);
        }
    }
    return true;
}

}  // namespace

std::optional<AclRights> AclRights::parse(std::string_view letters) {
    bool good = std::ranges::all_of(
        letters, [](char letter) { return kLetters.find(letter) != std::string_view::npos; });
    return good ? std::optional(of(letters)) : std::nullopt;
}

std::string AclRights::letters() const {
    std::string text;
    for (char letter : kLetters) {
        text += has(of({&letter, 1})) ? std::string(1, letter) : "";
    }
    return text;
}

std::vector<std::string> acl_right_names(AclRights rights) {
    std::vector<std::string> names;
    for (const NamedRight& each : kNamed) {
        if (rights.has(each.right)) {
            names.emplace_back(each.name);
        }
    }
    return names;
}

std::optional<AclRights> acl_rights_named(std::string_view name) {
    const auto* known = std::ranges::find(kNamed, name, &NamedRight::name);
    return known != kNamed.end() ? std::optional(known->right)
           : name == "all"       ? std::optional(AclRights::all())
                                 : std::nullopt;
}

std::optional<AclIdentifier> AclIdentifier::parse(std::string_view text) {
    if (text == "owner") {
        return AclIdentifier{Kind::kOwner};
    }
    if (text == "authenticated") {
        return AclIdentifier{Kind::kAuthenticated};
    }
    if (text == "anyone" || text == "anonymous") {
        return AclIdentifier{Kind::kAnyone};
    }
    for (const Prefix& prefix : kPrefixes) {
        if (text.starts_with(prefix.text)) {
            return AclIdentifier{prefix.kind, std::string(text.substr(prefix.text.size()))};
        }
    }
    return std::nullopt;
}

std::string AclIdentifier::to_string() const {
    for (const Prefix& prefix : kPrefixes) {
        if (kind == prefix.kind) {
            return std::string(prefix.text) + name;
        }
    }
    return kind == Kind::kOwner           ? "owner"
           : kind == Kind::kAuthenticated ? "authenticated"
                                          : "anyone";
}

bool AclSubject::is(const AclIdentifier& identifier) const {
    switch (identifier.kind) {
        case Kind::kAnyone:
        case Kind::kAuthenticated:
            return true;
        case Kind::kOwner:
            return owner;
        case Kind::kUser:
            return identifier.name == user;
        case Kind::kGroup:
        case Kind::kGroupOverride:
            return std::ranges::find(groups, identifier.name) != groups.end();
    }
    return false;
}

AclEntry& AclList::entry_of(const AclIdentifier& identifier, bool global) {
    auto found = std::ranges::find_if(entries_, [&](const AclEntry& entry) {
        return entry.identifier == identifier && entry.global == global;
    });
    if (found != entries_.end()) {
        return *found;
    }
    entries_.push_back({identifier, {}, {}, {}, global});
    return entries_.back();
}

Result<void> AclList::take_line(std::string_view line, bool global) {
    auto word = take_word(line);
    bool negative = word && word->starts_with('-');
    auto identifier = word ? AclIdentifier::parse(word->substr(negative ? 1 : 0)) : std::nullopt;
    if (!identifier) {
        return fail(Errc::kSyntax, "unknown identifier");
    }
    AclRights rights;
    std::string named;
    if (!parse_rights(line, rights, named)) {
        return fail(Errc::kSyntax, "unknown right");
    }
    AclEntry& entry = entry_of(*identifier, global);
    if (entries_.size() > kMostEntries) {
        return fail(Errc::kSyntax, "too many entries");
    }
    std::optional<AclRights>& part = negative ? entry.denied : entry.rights;
    part = part.value_or(AclRights()) | rights;
    if (!negative) {
        entry.named = std::move(named);
    }
    return {};
}

Result<AclList> AclList::parse_lines(std::string_view text, const TakeLine& take) {
    AclList list;
    std::size_t number = 0;
    for (std::string_view line : split_fields(text, '\n')) {
        ++number;
        line = trim_right(line, "\r");
        if (line.empty() || line.starts_with('#')) {
            continue;
        }
        auto taken = take(list, line);
        if (!taken) {
            return fail(Errc::kSyntax, format("line {}: {}", number, taken.error().message));
        }
    }
    list.sort();
    return list;
}

Result<AclList> AclList::parse(std::string_view text) {
    return parse_lines(
        text, [](AclList& list, std::string_view line) { return list.take_line(line, false); });
}

Result<AclList> AclList::parse_global(std::string_view text, std::string_view mailbox) {
    return parse_lines(text, [mailbox](AclList& list, std::string_view line) -> Result<void> {
        auto pattern = take_word(line);
        if (!pattern) {
            return fail(Errc::kSyntax, "a quotation has no end");
        }
        // What is wrong in a line for another mailbox is that one's trouble.
        return wildcard_matches(*pattern, mailbox) ? list.take_line(line, true) : Result<void>();
    });
}

std::string AclList::to_string() const {
    std::string text;
    for (const AclEntry& entry : entries_) {
        if (entry.global) {
            continue;
        }
        std::string identifier = entry.identifier.to_string();
        if (entry.rights || !entry.named.empty()) {
            text += quoted_if_needed(identifier) + " " +
                    entry.rights.value_or(AclRights()).letters() +
                    (entry.named.empty() ? "" : " :" + entry.named) + "\n";
        }
        if (entry.denied) {
            text += quoted_if_needed("-" + identifier) + " " + entry.denied->letters() + "\n";
        }
    }
    return text;
}

void AclList::sort() {
    std::ranges::sort(entries_, {}, [](const AclEntry& entry) {
        return std::pair<bool, const AclIdentifier&>(entry.global, entry.identifier);
    });
}

void AclList::add_global(const AclList& more) {
    for (AclEntry entry : more.entries_) {
        entry.global = true;
        entries_.push_back(std::move(entry));
    }
    sort();
}

// Each kind of identifier that fits stands in place of the kinds before it; groups add up.
AclRights AclList::rights_of(const AclSubject& subject, AclRights otherwise) const {
    AclRights rights = otherwise;
    AclRights denied;
    const AclEntry* before = nullptr;
    for (const AclEntry& entry : entries_) {
        if (!subject.is(entry.identifier)) {
            continue;
        }
        bool same_kind = before != nullptr && before->global == entry.global &&
                         before->identifier.kind == entry.identifier.kind;
        if (entry.rights) {
            rights = same_kind ? rights | *entry.rights : *entry.rights;
        }
        if (entry.denied) {
            denied = same_kind ? denied | *entry.denied : *entry.denied;
        }
        before = &entry;
    }
    return rights - denied;
}

const AclEntry* AclList::find(const AclIdentifier& identifier) const {
    auto found = std::ranges::find_if(entries_, [&](const AclEntry& entry) {
        return !entry.global && entry.identifier == identifier;
    });
    return found == entries_.end() ? nullptr : &*found;
}

void AclList::set(AclEntry entry) {
    std::erase_if(entries_, [&](const AclEntry& each) {
        return !each.global && each.identifier == entry.identifier;
    });
    if (!entry.says_nothing()) {
        entries_.push_back(std::move(entry));
    }
    sort();
}

}  // namespace relais
