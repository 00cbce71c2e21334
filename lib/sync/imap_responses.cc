#include "lib/sync/imap_responses.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/imap/dates.h"
#include "lib/imap/scanner.h"
#include "lib/store/maildir_name.h"

namespace relais::imap {

namespace {

constexpr int kDeepest = 20;
constexpr std::size_t kLongestKeyword = 200;
constexpr std::size_t kMostKeywords = 100;

struct SystemFlag {
    std::string_view name;
    std::uint8_t bit;
};

constexpr SystemFlag kSystemFlags[] = {{"\\Answered", MessageFlags::kAnswered},
                                       {"\\Flagged", MessageFlags::kFlagged},
                                       {"\\Deleted", MessageFlags::kDeleted},
                                       {"\\Seen", MessageFlags::kSeen},
                                       {"\\Draft", MessageFlags::kDraft}};

// Those of which we know what they are; a keyword must be one that clients can name, too.
void take_flag(std::string_view flag, SyncFlags& flags) {
    if (flag.starts_with('\\')) {
        flags.system |= system_flag(flag);
        return;
    }
    bool usable = !flag.empty() && flag.size() <= kLongestKeyword &&
                  flags.keywords.size() < kMostKeywords && std::ranges::all_of(flag, is_atom_char);
    if (usable) {
        flags.keywords.emplace_back(flag);
    }
}

// The characters up to one of `ends`, whatever they are.
std::string_view take_until(Scanner& scanner, std::string_view ends) {
    std::string_view rest = scanner.rest();
    std::string_view text = rest.substr(0, rest.find_first_of(ends));
    for (char c : text) {
        scanner.accept(c);
    }
    return text;
}

// There are servers whose flags are no atoms.
std::optional<SyncFlags> take_flags(Scanner& scanner) {
    if (!scanner.accept('(')) {
        return std::nullopt;
    }
    SyncFlags flags;
    for (std::string_view flag : split_words(take_until(scanner, ")\r\n"), " ")) {
        take_flag(flag, flags);
    }
    if (!scanner.accept(')')) {
        return std::nullopt;
    }
    std::ranges::sort(flags.keywords);
    auto twice = std::ranges::unique(flags.keywords);
    flags.keywords.erase(twice.begin(), twice.end());
    return flags;
}

// Over a value that nobody asked for.
bool skip_value(Scanner& scanner, int depth) {
    if (depth > kDeepest) {
        return false;
    }
    if (!scanner.accept('(')) {
        return scanner.nstring() || scanner.atom();
    }
    while (!scanner.accept(')')) {
        if (!skip_value(scanner, depth + 1)) {
            return false;
        }
        scanner.space();
    }
    return true;
}

// "BODY[]", "X-GM-MSGID": up to the blank.
std::optional<std::string> take_item_name(Scanner& scanner) {
    std::string_view name = take_until(scanner, " ()\r\n");
    return name.empty() ? std::nullopt : std::optional(uppercase(name));
}

bool take_item(const std::string& name, Scanner& scanner, FetchedMessage& message) {
    if (name == "UID") {
        auto uid = scanner.number();
        message.uid = uid.value_or(0);
        return message.uid != 0;
    }
    if (name == "FLAGS") {
        message.flags = take_flags(scanner);
        return message.flags.has_value();
    }
    if (name == "RFC822.SIZE") {
        auto size = scanner.number64();
        message.size = size.value_or(0);
        return size.has_value();
    }
    if (name == "INTERNALDATE") {
        auto text = scanner.string();
        message.received = text ? parse_internal_date(*text) : std::nullopt;
        return text.has_value();
    }
    if (name == "BODY[]" || name == "RFC822") {
        auto body = scanner.nstring();
        message.body = body ? std::move(body->value) : std::nullopt;
        return body.has_value();
    }
    return skip_value(scanner, 0);
}

}  // namespace

std::uint8_t system_flag(std::string_view name) {
    for (const SystemFlag& each : kSystemFlags) {
        if (iequals(name, each.name)) {
            return each.bit;
        }
    }
    return 0;
}

std::optional<ListedMailbox> parse_list_response(std::string_view text) {
    Scanner scanner(text);
    bool list = scanner.accept_word("LIST") || scanner.accept_word("LSUB");
    auto attributes =
        list && scanner.space() ? scanner.flag_list(Scanner::Parentheses::kNeeded) : std::nullopt;
    auto separator = attributes && scanner.space() ? scanner.nstring() : std::nullopt;
    auto name = separator && scanner.space() ? scanner.mailbox() : std::nullopt;
    if (!name || !scanner.at_end() || (separator->value && separator->value->size() != 1)) {
        return std::nullopt;
    }
    ListedMailbox mailbox{std::move(*name), separator->value ? separator->value->front() : '\0'};
    for (const std::string& attribute : *attributes) {
        bool none = iequals(attribute, "\\Noselect") || iequals(attribute, "\\NonExistent");
        mailbox.selectable &= !none;
    }
    return mailbox;
}

std::optional<FetchedMessage> parse_fetch_response(std::string_view text) {
    Scanner scanner(text);
    bool fetch =
        scanner.number() && scanner.space() && scanner.accept_word("FETCH") && scanner.space();
    if (!fetch || !scanner.accept('(')) {
        return std::nullopt;
    }
    FetchedMessage message;
    while (!scanner.accept(')')) {
        auto name = take_item_name(scanner);
        if (!name || !scanner.space() || !take_item(*name, scanner, message)) {
            return std::nullopt;
        }
        scanner.space();
    }
    return scanner.at_end() ? std::optional(std::move(message)) : std::nullopt;
}

std::optional<std::uint32_t> parse_exists(std::string_view text) {
    auto words = split_words(text, " ");
    bool exists = words.size() == 2 && iequals(words[1], "EXISTS");
    auto number = exists ? parse_uint(words[0]) : std::nullopt;
    return number && *number <= 0xffffffff ? std::optional(static_cast<std::uint32_t>(*number))
                                           : std::nullopt;
}

std::optional<std::uint32_t> parse_code_number(std::string_view text, std::string_view code) {
    auto begin = text.find('[');
    auto end = text.find(']');
    if (!istarts_with(text, "OK ") || begin != 3 || end == std::string_view::npos) {
        return std::nullopt;
    }
    auto words = split_words(text.substr(begin + 1, end - begin - 1), " ");
    bool fits = words.size() == 2 && iequals(words[0], code);
    auto number = fits ? parse_uint(words[1]) : std::nullopt;
    return number && *number > 0 && *number <= 0xffffffff
               ? std::optional(static_cast<std::uint32_t>(*number))
               : std::nullopt;
}

std::optional<std::uint64_t> literal_at_end(std::string_view line) {
    auto open = line.rfind('{');
    if (open == std::string_view::npos || !line.ends_with('}')) {
        return std::nullopt;
    }
    return parse_uint(line.substr(open + 1, line.size() - open - 2));
}

}  // namespace relais::imap
