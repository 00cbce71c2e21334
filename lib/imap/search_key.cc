#include "lib/imap/search_key.h"

#include <algorithm>
#include <array>

#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/dates.h"
#include "lib/imap/modseq.h"

namespace relais::imap {

namespace {

using Kind = SearchKey::Kind;

constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMaxKeys = 5000;

struct FlagKey {
    std::string_view name;
    std::string_view flag;
    bool set;
};

constexpr std::array<FlagKey, 10> kFlagKeys = {{{"ANSWERED", "\\Answered", true},
                                                {"DELETED", "\\Deleted", true},
                                                {"DRAFT", "\\Draft", true},
                                                {"FLAGGED", "\\Flagged", true},
                                                {"SEEN", "\\Seen", true},
                                                {"UNANSWERED", "\\Answered", false},
                                                {"UNDELETED", "\\Deleted", false},
                                                {"UNDRAFT", "\\Draft", false},
                                                {"UNFLAGGED", "\\Flagged", false},
                                                {"UNSEEN", "\\Seen", false}}};

struct NamedKind {
    std::string_view name;
    Kind kind;
};

constexpr std::array<NamedKind, 9> kDayKeys = {{{"BEFORE", Kind::kBefore},
                                                {"ON", Kind::kOn},
                                                {"SINCE", Kind::kSince},
                                                {"SENTBEFORE", Kind::kSentBefore},
                                                {"SENTON", Kind::kSentOn},
                                                {"SENTSINCE", Kind::kSentSince},
                                                {"SAVEDBEFORE", Kind::kSavedBefore},
                                                {"SAVEDON", Kind::kSavedOn},
                                                {"SAVEDSINCE", Kind::kSavedSince}}};

constexpr std::array<NamedKind, 4> kNumberKeys = {{{"LARGER", Kind::kLarger},
                                                   {"SMALLER", Kind::kSmaller},
                                                   {"YOUNGER", Kind::kYounger},
                                                   {"OLDER", Kind::kOlder}}};

constexpr std::array<std::string_view, 5> kHeaderKeys = {"BCC", "CC", "FROM", "SUBJECT", "TO"};

SearchKey make(Kind kind) {
    SearchKey key;
    key.kind = kind;
    return key;
}

SearchKey flag_key(std::string_view flag) {
    SearchKey key = make(Kind::kFlag);
    key.text = std::string(flag);
    return key;
}

SearchKey negate(SearchKey inner) {
    SearchKey key = make(Kind::kNot);
    key.children.push_back(std::move(inner));
    return key;
}

class SearchParser {
  public:
    SearchParser(Scanner& scanner, std::string charset)
        : scanner_(scanner), charset_(std::move(charset)) {}

    // One or more keys up to the end or a closing parenthesis: all of them must hold.
    Result<SearchKey> parse_all(std::size_t depth) {
        SearchKey all = make(Kind::kAnd);
        do {
            auto key = parse_key(depth);
            if (!key) {
                return key;
            }
            all.children.push_back(std::move(*key));
        } while (scanner_.space() || scanner_.peek() == '(');
        return all.children.size() == 1 ? std::move(all.children.front()) : std::move(all);
    }

  private:
    static std::unexpected<Error> bad(std::string text) {
        return fail(Errc::kSyntax, std::move(text));
    }

    Result<SearchKey> parse_key(std::size_t depth) {
        if (depth > kMaxDepth || ++keys_ > kMaxKeys) {
            return bad("SEARCH is too complex");
        }
        if (scanner_.accept('(')) {
            auto inner = parse_all(depth + 1);
            return inner && !scanner_.accept(')') ? bad("Missing parenthesis") : inner;
        }
        if (scanner_.accept('$')) {
            return make(Kind::kSaved);
        }
        if (is_digit(scanner_.peek()) || scanner_.peek() == '*') {
            return parse_set(Kind::kSequence);
        }
        auto word = scanner_.atom();
        if (!word) {
            return bad("Missing search key");
        }
        return parse_named(uppercase(*word), depth);
    }

    Result<SearchKey> parse_named(const std::string& name, std::size_t depth) {
        if (name == "NOT" || name == "OR") {
            return parse_operator(name, depth);
        }
        if (name == "FUZZY") {  // RFC 6203: how much is found is the server's choice
            return scanner_.space() ? parse_key(depth + 1) : bad("Missing search key after FUZZY");
        }
        for (const FlagKey& entry : kFlagKeys) {
            if (name == entry.name) {
                return entry.set ? flag_key(entry.flag) : negate(flag_key(entry.flag));
            }
        }
        if (name == "ALL" || name == "SAVEDATESUPPORTED") {  // RFC 8514 4.2: in every mailbox
            return make(Kind::kAll);
        }
        if (name == "RECENT") {
            return make(Kind::kRecent);
        }
        if (name == "OLD") {
            return negate(make(Kind::kRecent));
        }
        if (name == "NEW") {
            SearchKey both = make(Kind::kAnd);
            both.children.push_back(make(Kind::kRecent));
            both.children.push_back(negate(flag_key("\\Seen")));
            return both;
        }
        return parse_with_argument(name);
    }

    Result<SearchKey> parse_operator(const std::string& name, std::size_t depth) {
        SearchKey key = make(name == "OR" ? Kind::kOr : Kind::kNot);
        for (std::size_t i = 0; i < (name == "OR" ? 2U : 1U); ++i) {
            if (!scanner_.space()) {
                return bad("Missing search key after " + name);
            }
            auto inner = parse_key(depth + 1);
            if (!inner) {
                return inner;
            }
            key.children.push_back(std::move(*inner));
        }
        return key;
    }

    // RFC 9738 3.2: all UIDs on one side of it, which itself is left out.
    Result<SearchKey> parse_uid_bound(const std::string& name) {
        auto bound = scanner_.number();
        if (!bound || *bound == 0) {
            return bad("Invalid UID");
        }
        SearchKey key = make(Kind::kUid);
        if (name == "UIDAFTER" && *bound < 0xffffffff) {
            key.set.add(SequenceSet::Range{*bound + 1, 0xffffffff});
        } else if (name == "UIDBEFORE" && *bound > 1) {
            key.set.add(SequenceSet::Range{1, *bound - 1});
        }
        return key;
    }

    Result<SearchKey> parse_with_argument(const std::string& name) {
        if (!scanner_.space()) {
            return bad("Unknown search key, or one without its argument: " + printable(name));
        }
        if (name == "UID") {
            return scanner_.accept('$') ? make(Kind::kSaved) : parse_set(Kind::kUid);
        }
        if (name == "UIDAFTER" || name == "UIDBEFORE") {
            return parse_uid_bound(name);
        }
        if (name == "KEYWORD" || name == "UNKEYWORD") {
            auto keyword = scanner_.astring();
            if (!keyword) {
                return bad("Invalid keyword");
            }
            return name == "KEYWORD" ? flag_key(*keyword) : negate(flag_key(*keyword));
        }
        if (auto found = std::ranges::find(kDayKeys, name, &NamedKind::name);
            found != kDayKeys.end()) {
            return parse_day(found->kind);
        }
        if (auto found = std::ranges::find(kNumberKeys, name, &NamedKind::name);
            found != kNumberKeys.end()) {
            return parse_number(found->kind);
        }
        if (name == "MODSEQ") {
            return parse_modseq_key();
        }
        if (name == "EMAILID" || name == "THREADID") {
            auto id = scanner_.atom();
            SearchKey key = make(name == "EMAILID" ? Kind::kEmailId : Kind::kThreadId);
            key.text = std::string(id.value_or(""));
            return id ? Result<SearchKey>(std::move(key)) : bad("Invalid object id");
        }
        return parse_text(name);
    }

    // RFC 7162 3.1.5.  All flags of a message have one number, so which one is meant is the same.
    Result<SearchKey> parse_modseq_key() {
        if (scanner_.peek() == '"') {
            auto entry = scanner_.string();
            bool typed = entry && entry->starts_with("/flags/") && scanner_.space() &&
                         (scanner_.accept_word("all") || scanner_.accept_word("priv") ||
                          scanner_.accept_word("shared"));
            if (!typed || !scanner_.space()) {
                return bad("Invalid MODSEQ entry");
            }
        }
        auto modseq = parse_modseq(scanner_);
        if (!modseq) {
            return bad("Invalid MODSEQ value");
        }
        SearchKey key = make(Kind::kModseq);
        key.number = static_cast<std::int64_t>(*modseq);
        return key;
    }

    Result<SearchKey> parse_set(Kind kind) {
        auto text = scanner_.sequence_text();
        auto set = text ? SequenceSet::parse(*text) : std::nullopt;
        if (!set) {
            return bad("Invalid message set");
        }
        SearchKey key = make(kind);
        key.set = std::move(*set);
        return key;
    }

    Result<SearchKey> parse_day(Kind kind) {
        auto text = scanner_.astring();
        // Some clients write the day of INTERNALDATE, which a blank may lead.
        auto day = text ? parse_search_day(trim(*text)) : std::nullopt;
        if (!day) {
            return bad("Invalid search date");
        }
        SearchKey key = make(kind);
        key.number = *day;
        return key;
    }

    Result<SearchKey> parse_number(Kind kind) {
        bool interval = kind == Kind::kYounger || kind == Kind::kOlder;
        auto number =
            interval ? std::optional<std::uint64_t>(scanner_.number()) : scanner_.number64();
        if (!number || (interval && *number == 0)) {  // RFC 5032 3: nz-number
            return bad(interval ? "Invalid search interval parameter" : "Invalid number");
        }
        SearchKey key = make(kind);
        key.number = static_cast<std::int64_t>(*number);
        return key;
    }

    Result<SearchKey> parse_text(const std::string& name) {
        SearchKey key = make(Kind::kHeader);
        if (name == "BODY" || name == "TEXT") {
            key.kind = name == "BODY" ? Kind::kBody : Kind::kText;
        } else if (name == "HEADER") {
            auto field = scanner_.astring();
            if (!field || !scanner_.space()) {
                return bad("Invalid HEADER search");
            }
            key.field = uppercase(*field);
        } else if (std::ranges::find(kHeaderKeys, name) != kHeaderKeys.end()) {
            key.field = name;
        } else {
            return bad("Unknown search key " + printable(name));
        }
        auto text = scanner_.astring();
        if (!text) {
            return bad("Missing text to search for");
        }
        key.text = to_utf8(*text, charset_);
        return key;
    }

    Scanner& scanner_;
    std::string charset_;
    std::size_t keys_ = 0;
};

}  // namespace

bool SearchKey::needs_message() const {
    switch (kind) {
        case Kind::kSentBefore:
        case Kind::kSentOn:
        case Kind::kSentSince:
        case Kind::kHeader:
        case Kind::kBody:
        case Kind::kText:
            return true;
        default:
            return std::ranges::any_of(children, &SearchKey::needs_message);
    }
}

bool SearchKey::uses_numbers() const {
    return kind == Kind::kSequence || std::ranges::any_of(children, &SearchKey::uses_numbers);
}

bool SearchKey::uses_saved() const {
    return kind == Kind::kSaved || std::ranges::any_of(children, &SearchKey::uses_saved);
}

bool SearchKey::uses_modseq() const {
    return kind == Kind::kModseq || std::ranges::any_of(children, &SearchKey::uses_modseq);
}

Result<SearchKey> parse_search(Scanner& scanner) {
    std::string charset = "UTF-8";
    if (scanner.accept_word("CHARSET")) {
        auto name = scanner.space() ? scanner.astring() : std::nullopt;
        if (!name || !scanner.space()) {
            return fail(Errc::kSyntax, "Invalid CHARSET");
        }
        charset = *name;
    }
    return parse_search_keys(scanner, charset);
}

Result<SearchKey> parse_search_keys(Scanner& scanner, const std::string& charset) {
    if (!is_known_charset(charset)) {
        return fail(Errc::kDenied, "Unknown charset");
    }
    auto key = SearchParser(scanner, charset).parse_all(0);
    if (key && !scanner.at_end()) {
        return fail(Errc::kSyntax, "Something is left over after the search keys");
    }
    return key;
}

}  // namespace relais::imap
