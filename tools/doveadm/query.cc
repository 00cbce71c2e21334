#include "tools/doveadm/query.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <sys/stat.h>

#include "lib/access/message_copy.h"
#include "lib/access/message_facts.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/dates.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/utf7.h"

#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query_words.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// So many messages are looked at together.
constexpr std::size_t kChunk = 512;

using Kind = QueryNode::Kind;

constexpr int kDeepest = 50;

struct Keyword {
    std::string_view name;
    int texts;  // strings that follow it
};

// Those that mean what they mean in IMAP.
constexpr std::array<Keyword, 27> kImapKeys = {
    {{"ALL", 0},       {"ANSWERED", 0}, {"BCC", 1},       {"BODY", 1},      {"CC", 1},
     {"DELETED", 0},   {"DRAFT", 0},    {"FLAGGED", 0},   {"FROM", 1},      {"HEADER", 2},
     {"KEYWORD", 1},   {"NEW", 0},      {"OLD", 0},       {"RECENT", 0},    {"SEEN", 0},
     {"SUBJECT", 1},   {"TEXT", 1},     {"TO", 1},        {"UID", 1},       {"UNANSWERED", 0},
     {"UNDELETED", 0}, {"UNDRAFT", 0},  {"UNFLAGGED", 0}, {"UNKEYWORD", 1}, {"UNSEEN", 0},
     {"OLDER", 1},     {"YOUNGER", 1}}};

struct DateKeyword {
    std::string_view name;
    QueryNode::Clock clock;
    QueryNode::Relation relation;
};

using Clock = QueryNode::Clock;
using Relation = QueryNode::Relation;

constexpr std::array<DateKeyword, 9> kDateKeys = {
    {{"BEFORE", Clock::kReceived, Relation::kBefore},
     {"ON", Clock::kReceived, Relation::kOn},
     {"SINCE", Clock::kReceived, Relation::kSince},
     {"SENTBEFORE", Clock::kSent, Relation::kBefore},
     {"SENTON", Clock::kSent, Relation::kOn},
     {"SENTSINCE", Clock::kSent, Relation::kSince},
     {"SAVEDBEFORE", Clock::kSaved, Relation::kBefore},
     {"SAVEDON", Clock::kSaved, Relation::kOn},
     {"SAVEDSINCE", Clock::kSaved, Relation::kSince}}};

std::string quoted(std::string_view text) {
    return format("{{{}}}\r\n{}", text.size(), text);
}

imap::SearchKey imap_key(const std::string& text) {
    imap::Scanner scanner(text);
    auto key = imap::parse_search_keys(scanner, "UTF-8");
    if (!key) {
        end_with(kTemporary, key.error().message);
    }
    return std::move(*key);
}

QueryNode imap_node(const std::string& text) {
    QueryNode node;
    node.kind = Kind::kImap;
    node.key = imap_key(text);
    return node;
}

class Parser {
  public:
    explicit Parser(const std::vector<std::string>& words) : words_(words) {}

    QueryNode parse_all() {
        QueryNode node = parse_list(0);
        if (at_ < words_.size()) {
            end_with(kTemporary, "Unexpected ')'");
        }
        return node;
    }

  private:
    // Up to ")" or the end: keys that all hold, or keys with OR between them.
    QueryNode parse_list(int depth) {
        if (depth > kDeepest) {
            end_with(kTemporary, "Search query is nested too deeply");
        }
        std::vector<QueryNode> items;
        items.push_back(parse_key(depth));
        std::optional<bool> any;
        while (at_ < words_.size() && words_[at_] != ")") {
            bool is_or = iequals(words_[at_], "OR");
            if (is_or && at_ + 1 == words_.size()) {
                end_with(kTemporary, "Missing argument");
            }
            if (any.value_or(is_or) != is_or) {
                end_with(kTemporary, "Use parenthesis when mixing ANDs and ORs");
            }
            any = is_or;
            at_ += is_or ? 1 : 0;
            items.push_back(parse_key(depth));
        }
        if (items.size() == 1) {
            return std::move(items.front());
        }
        QueryNode node;
        node.kind = any.value_or(false) ? Kind::kOr : Kind::kAnd;
        node.children = std::move(items);
        return node;
    }

    QueryNode parse_key(int depth) {
        if (depth > kDeepest) {
            end_with(kTemporary, "Search query is nested too deeply");
        }
        if (at_ == words_.size()) {
            end_with(kTemporary, "Missing argument");
        }
        std::string name = uppercase(words_[at_++]);
        if (name == "(") {
            QueryNode node = parse_list(depth + 1);
            if (at_ == words_.size()) {
                end_with(kTemporary, "Missing ')'");
            }
            ++at_;
            return node;
        }
        if (name == ")") {
            end_with(kTemporary, "Unexpected ')'");
        }
        if (name == "NOT") {
            QueryNode node;
            node.kind = Kind::kNot;
            node.children.push_back(parse_key(depth + 1));
            return node;
        }
        return parse_plain(name);
    }

    QueryNode parse_plain(const std::string& name) {
        QueryNode node;
        if (name == "MAILBOX" || name == "MAILBOX-GUID" || name == "GUID") {
            node.kind = name == "GUID"      ? Kind::kGuid
                        : name == "MAILBOX" ? Kind::kMailbox
                                            : Kind::kMailboxGuid;
            node.word = parameter(name);
            node.text = node.kind == Kind::kMailbox
                            ? imap::utf8_to_utf7(node.word).value_or(node.word)
                            : node.word;
            return node;
        }
        for (const DateKeyword& each : kDateKeys) {
            if (each.name == name) {
                return date_node(each);
            }
        }
        if (name == "LARGER" || name == "SMALLER") {
            auto size = parse_query_size(parameter(name));
            if (!size) {
                end_with(kTemporary, size.error().message);
            }
            return imap_node(format("{} {}", name, *size));
        }
        if (!name.empty() && (is_digit(name[0]) || name[0] == '*')) {
            return imap_node(name);
        }
        return imap_words(name);
    }

    QueryNode imap_words(const std::string& name) {
        const auto* known = std::ranges::find(kImapKeys, name, &Keyword::name);
        if (known == kImapKeys.end()) {
            end_with(kTemporary, "Unknown argument " + printable(name));
        }
        std::string text = name;
        for (int i = 0; i < known->texts; ++i) {
            std::string word = parameter(name);
            bool bare = name == "UID" || name == "KEYWORD" || name == "UNKEYWORD" ||
                        name == "OLDER" || name == "YOUNGER";
            check(name, word);
            text += " " + (bare ? word : quoted(word));
        }
        return imap_node(text);
    }

    static void check(const std::string& name, const std::string& word) {
        bool number = parse_uint(word).has_value();
        if ((name == "OLDER" || name == "YOUNGER") && !number) {
            end_with(kTemporary, "Invalid search interval parameter");
        }
        if (name == "UID" && word.find_first_not_of("0123456789:,*") != std::string::npos) {
            end_with(kTemporary, "Invalid UID messageset");
        }
    }

    QueryNode date_node(const DateKeyword& keyword) {
        std::string text = parameter(std::string(keyword.name));
        auto date = parse_query_date(text, std::time(nullptr));
        if (!date) {
            end_with(kTemporary, "Invalid search date parameter: " + printable(text));
        }
        if (date->is_day && keyword.clock != Clock::kSaved) {
            return imap_node(format("{} {}", keyword.name, imap_day(date->time)));
        }
        QueryNode node;
        node.kind = Kind::kTime;
        node.clock = keyword.clock;
        node.relation = keyword.relation;
        node.time = date->time;
        return node;
    }

    static std::string imap_day(std::int64_t time) {
        // "14-Nov-2023 00:00:00 +0100", from which the day is wanted
        std::string text = imap::format_internal_date(time);
        return std::string(trim(text.substr(0, text.rfind(' ', text.rfind(' ') - 1))));
    }

    std::string parameter(const std::string& name) {
        if (at_ == words_.size()) {
            end_with(kTemporary,
                     format("Missing parameter for search key (for search key: {})", name));
        }
        return words_[at_++];
    }

    const std::vector<std::string>& words_;
    std::size_t at_ = 0;
};

// Whether each way to meet the node has a leaf of that kind: a mailbox, or something else.
bool has_leaf(const QueryNode& node, bool mailbox) {
    auto has = [mailbox](const QueryNode& child) { return has_leaf(child, mailbox); };
    switch (node.kind) {
        case Kind::kAnd:
        case Kind::kNot:
            return std::ranges::any_of(node.children, has);
        case Kind::kOr:
            return std::ranges::all_of(node.children, has);
        default:
            return mailbox == (node.kind == Kind::kMailbox || node.kind == Kind::kMailboxGuid);
    }
}

bool fits_mailbox(const QueryNode& node, std::string_view name, char separator) {
    return imap::ListPattern(node.text, separator).match(name) == imap::ListMatch::kYes;
}

bool is_mailbox_only(const QueryNode& node) {
    return node.children.empty() ? node.kind == Kind::kMailbox
                                 : std::ranges::all_of(node.children, is_mailbox_only);
}

bool may_be_in(const QueryNode& node, std::string_view name, char separator) {
    auto may = [&](const QueryNode& child) { return may_be_in(child, name, separator); };
    switch (node.kind) {
        case Kind::kMailbox:
            return fits_mailbox(node, name, separator);
        case Kind::kAnd:
            return std::ranges::all_of(node.children, may);
        case Kind::kOr:
            return std::ranges::any_of(node.children, may);
        case Kind::kNot:
            return !is_mailbox_only(node) || !may(node.children.front());
        default:
            return true;
    }
}

void collect_names(const QueryNode& node, std::vector<const QueryNode*>& names) {
    if (node.kind == Kind::kMailbox && node.text.find_first_of("*%") == std::string::npos) {
        names.push_back(&node);
    }
    for (const QueryNode& child : node.children) {
        if (node.kind != Kind::kNot) {
            collect_names(child, names);
        }
    }
}

bool compare(QueryNode::Relation relation, std::int64_t time, std::int64_t wanted) {
    constexpr std::int64_t kDay = 86400;
    switch (relation) {
        case Relation::kBefore:
            return time < wanted;
        case Relation::kOn:
            return time >= wanted && time < wanted + kDay;
        case Relation::kSince:
            break;
    }
    return time >= wanted;
}

}  // namespace

Query Query::parse(const std::vector<std::string>& words) {
    Query query;
    query.root_ = Parser(words).parse_all();
    return query;
}

void Query::expect_care(std::string_view command) const {
    if (!has_leaf(root_, true)) {
        end_with(kUsage, format("{}: To avoid accidents, search query must contain MAILBOX in all "
                                "search branches",
                                command));
    }
    if (!has_leaf(root_, false)) {
        end_with(kUsage, format("{}: To avoid accidents, each branch in search query must contain "
                                "something else besides MAILBOX (e.g. just add \"all\" if you want "
                                "everything)",
                                command));
    }
}

std::vector<std::string> Query::mailboxes(const User& user,
                                          const std::vector<std::string>& all) const {
    std::vector<std::string> names;
    for (const std::string& name : all) {
        if (may_be_in(root_, name, user.separator())) {
            names.push_back(name);
        }
    }
    put_inbox_last(names);
    return names;
}

std::vector<std::string> Query::missing(User& user) const {
    std::vector<const QueryNode*> named;
    collect_names(root_, named);
    std::vector<std::string> words;
    for (const QueryNode* node : named) {
        if (!user.tree().exists(mailbox_from_word(user, node->word))) {
            words.push_back(node->word);
        }
    }
    return words;
}

QueryMatch::QueryMatch(const Query& query, Selected& selected, char separator)
    : query_(query), selected_(selected), separator_(separator) {
    prepare(query_.root());
}

void QueryMatch::prepare(const QueryNode& node) {
    if (node.kind == Kind::kImap) {
        keys_.emplace(&node, std::make_unique<SearchMatch>(selected_, node.key));
    }
    for (const QueryNode& child : node.children) {
        prepare(child);
    }
}

Task<std::vector<std::uint32_t>> QueryMatch::find(Mailbox::Uids uids) {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < uids->size(); ++i) {
        if (const MailMessage* message = selected_.box().find((*uids)[i])) {
            candidates.push_back({static_cast<std::uint32_t>(i + 1), *message});
        }
        if (candidates.size() == kChunk || i + 1 == uids->size()) {
            co_await judge(std::exchange(candidates, {}));
        }
    }
    std::ranges::sort(found_);
    co_return std::exchange(found_, {});
}

void QueryMatch::look_at(const Candidate& candidate) {
    sequence_ = candidate.sequence;
    message_ = &candidate.message;
}

void QueryMatch::note(const Candidate& candidate, bool fits) {
    if (fits) {
        found_.push_back(candidate.message.uid);
    }
}

Task<void> QueryMatch::judge(std::vector<Candidate> candidates) {
    std::erase_if(candidates, [this](const Candidate& candidate) {
        look_at(candidate);
        auto known = decide(query_.root());
        note(candidate, known.value_or(false));
        return known.has_value();
    });
    answers_.clear();
    for (const auto& [node, match] : keys_) {
        if (match->texts().empty() || candidates.empty()) {
            continue;
        }
        std::vector<Mailbox::Reading> readings;
        for (const Candidate& candidate : candidates) {
            readings.push_back(selected_.box().reading(candidate.message));
        }
        auto found = co_await search_texts(std::move(readings), match->texts());
        answers_.emplace(node, std::move(found));
    }
    for (place_ = 0; place_ < candidates.size(); ++place_) {
        look_at(candidates[place_]);
        note(candidates[place_], test(query_.root()));
    }
}

// Without texts; nothing where they decide.
std::optional<bool> QueryMatch::decide(const QueryNode& node) {
    switch (node.kind) {
        case Kind::kAnd:
            return decide_together(node, false);
        case Kind::kOr:
            return decide_together(node, true);
        case Kind::kNot: {
            auto inner = decide(node.children.front());
            return inner ? std::optional(!*inner) : std::nullopt;
        }
        case Kind::kImap:
            return keys_.at(&node)->matches_without_texts(sequence_, *message_);
        default:
            return test(node);
    }
}

// `decisive` is the answer of one child that makes the others' unimportant.
std::optional<bool> QueryMatch::decide_together(const QueryNode& node, bool decisive) {
    bool open = false;
    for (const QueryNode& child : node.children) {
        auto known = decide(child);
        if (known == decisive) {
            return decisive;
        }
        open |= !known;
    }
    return open ? std::nullopt : std::optional(!decisive);
}

bool QueryMatch::test(const QueryNode& node) {
    auto holds = [this](const QueryNode& child) { return test(child); };
    switch (node.kind) {
        case Kind::kAnd:
            return std::ranges::all_of(node.children, holds);
        case Kind::kOr:
            return std::ranges::any_of(node.children, holds);
        case Kind::kNot:
            return !test(node.children.front());
        case Kind::kMailbox:
            return fits_mailbox(node, selected_.mailbox().name, separator_);
        case Kind::kMailboxGuid:
            return list().guid == node.text;
        case Kind::kGuid:
            return message_guid(list(), *message_, selected_.box().base_name(*message_)) ==
                   node.text;
        case Kind::kTime:
            return test_time(node);
        case Kind::kImap:
            return test_key(node);
    }
    return false;
}

bool QueryMatch::test_key(const QueryNode& node) {
    auto answers = answers_.find(&node);
    SearchMatch& match = *keys_.at(&node);
    return answers == answers_.end() ? match.matches(sequence_, *message_)
                                     : match.matches(sequence_, *message_, answers->second[place_]);
}

bool QueryMatch::test_time(const QueryNode& node) {
    switch (node.clock) {
        case Clock::kReceived: {
            auto time = received_of(selected_.mailbox(), *message_);
            return time && compare(node.relation, *time, node.time);
        }
        case Clock::kSaved: {
            auto time = saved_at(selected_.box(), *message_);
            return time && compare(node.relation, *time, node.time);
        }
        case Clock::kSent:
            break;
    }
    return compare(node.relation, sent_at(selected_.mailbox(), *message_), node.time);
}

const UidList& QueryMatch::list() {
    if (!list_) {
        auto loaded = selected_.box().list();
        list_ = std::make_unique<UidList>(loaded ? std::move(*loaded) : UidList());
    }
    return *list_;
}

Result<std::int64_t> saved_at(Mailbox& box, const MailMessage& message) {
    auto times = box.times_of(message);
    return times ? Result<std::int64_t>(times->saved) : fail_with(times);
}

std::int64_t sent_at(OpenMailbox& mailbox, const MailMessage& message) {
    auto facts = facts_of(mailbox, message);
    auto field = facts ? imap::find_field(facts->header, "Date") : std::nullopt;
    auto date = field ? imap::parse_header_date(field->value) : std::nullopt;
    return date ? date->time : 0;
}

}  // namespace relais::doveadm
