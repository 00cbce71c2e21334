#include "lib/imap/fetch_items.h"

#include <algorithm>
#include <array>
#include <limits>

#include "lib/base/strings.h"
#include "lib/imap/format.h"
#include "lib/imap/modseq.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxItems = 200;
constexpr std::size_t kMaxPath = 100;
constexpr std::size_t kMaxFields = 500;
constexpr std::uint64_t kToTheEnd = std::numeric_limits<std::uint64_t>::max();

struct SimpleItem {
    std::string_view name;
    FetchItem::Kind kind;
};

constexpr std::array<SimpleItem, 11> kSimple = {{{"UID", FetchItem::Kind::kUid},
                                                 {"FLAGS", FetchItem::Kind::kFlags},
                                                 {"INTERNALDATE", FetchItem::Kind::kInternalDate},
                                                 {"RFC822.SIZE", FetchItem::Kind::kSize},
                                                 {"ENVELOPE", FetchItem::Kind::kEnvelope},
                                                 {"BODYSTRUCTURE", FetchItem::Kind::kBodyStructure},
                                                 {"BODY", FetchItem::Kind::kBody},
                                                 {"MODSEQ", FetchItem::Kind::kModseq},
                                                 {"EMAILID", FetchItem::Kind::kEmailId},
                                                 {"THREADID", FetchItem::Kind::kThreadId},
                                                 {"SAVEDATE", FetchItem::Kind::kSaveDate}}};

FetchItem simple_item(std::string_view name) {
    auto found = std::ranges::find(kSimple, name, &SimpleItem::name);
    FetchItem item;
    item.kind = found->kind;
    item.label = std::string(name);
    return item;
}

FetchItem old_section(std::string_view name, Section::Kind kind, bool peek) {
    FetchItem item;
    item.kind = FetchItem::Kind::kSection;
    item.section.kind = kind;
    item.peek = peek;
    item.label = std::string(name);
    return item;
}

std::unexpected<Error> bad(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

// "(FROM TO)"
Result<std::vector<std::string>> parse_field_names(Scanner& scanner) {
    std::vector<std::string> fields;
    if (!scanner.space() || !scanner.accept('(')) {
        return bad("Missing list of header fields");
    }
    do {
        auto name = scanner.astring();
        if (!name || fields.size() >= kMaxFields) {
            return bad("Invalid list of header fields");
        }
        fields.push_back(uppercase(*name));
    } while (scanner.space());
    if (!scanner.accept(')')) {
        return bad("Invalid list of header fields");
    }
    return fields;
}

}  // namespace

Result<Section> parse_section(Scanner& scanner) {
    Section section;
    while (is_digit(scanner.peek())) {
        auto number = scanner.number();
        if (!number || *number == 0 || section.path.size() >= kMaxPath) {
            return bad("Invalid part number");
        }
        section.path.push_back(*number);
        if (!scanner.accept('.')) {
            return scanner.accept(']') ? Result<Section>(std::move(section))
                                       : bad("Invalid section");
        }
    }
    if (section.path.empty() && scanner.accept(']')) {
        return section;
    }
    if (scanner.accept_word("HEADER.FIELDS.NOT")) {
        section.kind = Section::Kind::kFieldsNot;
    } else if (scanner.accept_word("HEADER.FIELDS")) {
        section.kind = Section::Kind::kFields;
    } else if (scanner.accept_word("HEADER")) {
        section.kind = Section::Kind::kHeader;
    } else if (scanner.accept_word("TEXT")) {
        section.kind = Section::Kind::kText;
    } else if (!section.path.empty() && scanner.accept_word("MIME")) {
        section.kind = Section::Kind::kMime;
    } else {
        return bad("Invalid section");
    }
    if (section.kind == Section::Kind::kFields || section.kind == Section::Kind::kFieldsNot) {
        auto fields = parse_field_names(scanner);
        if (!fields) {
            return fail_with(fields);
        }
        section.fields = std::move(*fields);
    }
    scanner.space();
    return scanner.accept(']') ? Result<Section>(std::move(section)) : bad("Invalid section");
}

namespace {

// "<0.100>", or "<100>" for all from there on, which the grammar does not have but clients send.
Result<std::optional<FetchItem::Partial>> parse_partial(Scanner& scanner) {
    if (!scanner.accept('<')) {
        return std::nullopt;
    }
    auto origin = scanner.number64();
    auto count = scanner.accept('.') ? scanner.number64() : std::optional(kToTheEnd);
    if (!origin || !count || !scanner.accept('>')) {
        return bad("Invalid partial range");
    }
    return FetchItem::Partial{*origin, *count};
}

Result<FetchItem> parse_body_section(Scanner& scanner, bool peek) {
    auto section = parse_section(scanner);
    if (!section) {
        return fail_with(section);
    }
    auto partial = parse_partial(scanner);
    if (!partial) {
        return fail_with(partial);
    }
    FetchItem item;
    item.kind = FetchItem::Kind::kSection;
    item.peek = peek;
    item.section = std::move(*section);
    item.partial = *partial;
    item.label = "BODY[" + item.section.to_string() + "]";
    if (item.partial) {
        item.label += "<" + std::to_string(item.partial->origin) + ">";
    }
    return item;
}

// RFC 3516 4.2: only whole parts, and the size of one is not of a piece of it.
Result<FetchItem> parse_binary(Scanner& scanner, FetchItem::Kind kind, bool peek) {
    auto parsed = parse_body_section(scanner, peek);
    if (!parsed) {
        return parsed;
    }
    FetchItem item = std::move(*parsed);
    if (item.section.kind != Section::Kind::kAll ||
        (kind == FetchItem::Kind::kBinarySize && item.partial)) {
        return bad("Invalid section of BINARY");
    }
    item.kind = kind;
    std::string_view name = kind == FetchItem::Kind::kBinary ? "BINARY" : "BINARY.SIZE";
    item.label.replace(0, item.label.find('['), name);
    return item;
}

Result<FetchItem> parse_preview(Scanner& scanner) {
    FetchItem item;
    item.kind = FetchItem::Kind::kPreview;
    item.label = "PREVIEW";
    Scanner before = scanner;
    if (!scanner.space() || !scanner.accept('(')) {
        scanner = before;
        return item;
    }
    if (!scanner.accept_word("LAZY") || !scanner.accept(')')) {
        return bad("Unknown PREVIEW modifier");
    }
    item.kind = FetchItem::Kind::kPreviewLazy;
    return item;
}

Result<FetchItem> parse_item(Scanner& scanner) {
    if (scanner.accept_word("BINARY.PEEK[")) {
        return parse_binary(scanner, FetchItem::Kind::kBinary, true);
    }
    if (scanner.accept_word("BINARY.SIZE[")) {
        return parse_binary(scanner, FetchItem::Kind::kBinarySize, true);
    }
    if (scanner.accept_word("BINARY[")) {
        return parse_binary(scanner, FetchItem::Kind::kBinary, false);
    }
    if (scanner.accept_word("PREVIEW")) {
        return parse_preview(scanner);
    }
    if (scanner.accept_word("BODY.PEEK[")) {
        return parse_body_section(scanner, true);
    }
    if (scanner.accept_word("BODY[")) {
        return parse_body_section(scanner, false);
    }
    if (scanner.accept_word("RFC822.HEADER")) {
        return old_section("RFC822.HEADER", Section::Kind::kHeader, true);
    }
    if (scanner.accept_word("RFC822.TEXT")) {
        return old_section("RFC822.TEXT", Section::Kind::kText, false);
    }
    if (scanner.accept_word("RFC822")) {
        return old_section("RFC822", Section::Kind::kAll, false);
    }
    for (const SimpleItem& simple : kSimple) {
        if (scanner.accept_word(simple.name)) {
            return simple_item(simple.name);
        }
    }
    return bad("Unknown FETCH item");
}

bool parse_macro(Scanner& scanner, FetchItems& into) {
    std::size_t extras = 0;
    if (scanner.accept_word("ALL")) {
        extras = 1;
    } else if (scanner.accept_word("FULL")) {
        extras = 2;
    } else if (!scanner.accept_word("FAST")) {
        return false;
    }
    constexpr std::array<std::string_view, 5> kNames = {"FLAGS", "INTERNALDATE", "RFC822.SIZE",
                                                        "ENVELOPE", "BODY"};
    for (std::size_t i = 0; i < 3 + extras; ++i) {
        into.items.push_back(simple_item(kNames[i]));
    }
    return true;
}

}  // namespace

std::string Section::to_string() const {
    std::string text;
    for (std::uint32_t number : path) {
        text += (text.empty() ? "" : ".") + std::to_string(number);
    }
    constexpr std::array<std::string_view, 6> kNames = {
        "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"};
    std::string_view name = kNames[static_cast<std::size_t>(kind)];
    if (!name.empty() && !text.empty()) {
        text += '.';
    }
    text += name;
    if (kind == Kind::kFields || kind == Kind::kFieldsNot) {
        char before = '(';
        text += ' ';
        for (const std::string& field : fields) {
            text += before;
            append_astring(text, field);
            before = ' ';
        }
        text += ')';
    }
    return text;
}

bool FetchItems::has(FetchItem::Kind kind) const {
    return std::ranges::any_of(items, [kind](const FetchItem& item) { return item.kind == kind; });
}

void FetchItems::add(FetchItem::Kind kind, Where where) {
    if (!has(kind)) {
        auto entry = std::ranges::find(kSimple, kind, &SimpleItem::kind);
        items.insert(where == Where::kFirst ? items.begin() : items.end(),
                     simple_item(entry->name));
    }
}

void FetchItems::add(const FetchItems& others) {
    for (const FetchItem& item : others.items) {
        bool known = std::ranges::any_of(items, [&item](const FetchItem& each) {
            return each.kind == item.kind && each.label == item.label;
        });
        if (!known) {
            items.push_back(item);
        }
    }
}

bool FetchItems::sets_seen() const {
    return std::ranges::any_of(items, [](const FetchItem& item) { return !item.peek; });
}

bool FetchItems::needs_message() const {
    return std::ranges::any_of(
        items, [](const FetchItem& item) { return item.kind == FetchItem::Kind::kSection; });
}

Result<FetchItems> parse_fetch_items(Scanner& scanner) {
    FetchItems parsed;
    if (parse_macro(scanner, parsed)) {
        return parsed;
    }
    bool list = scanner.accept('(');
    do {
        auto item = parse_item(scanner);
        if (!item || parsed.items.size() >= kMaxItems) {
            return item ? bad("Too many FETCH items") : fail_with(item);
        }
        parsed.items.push_back(std::move(*item));
    } while (list && scanner.space());
    if (list && !scanner.accept(')')) {
        return bad("Missing parenthesis in FETCH items");
    }
    return parsed;
}

namespace {

bool parse_modifier(Scanner& scanner, FetchModifiers& modifiers) {
    if (scanner.accept_word("PARTIAL") && !modifiers.partial && scanner.space()) {
        modifiers.partial = parse_partial_range(scanner);
        return modifiers.partial.has_value();
    }
    if (scanner.accept_word("CHANGEDSINCE") && !modifiers.changed_since && scanner.space()) {
        modifiers.changed_since = parse_modseq(scanner);
        return modifiers.changed_since.has_value();
    }
    bool again = modifiers.vanished;
    modifiers.vanished = scanner.accept_word("VANISHED");
    return modifiers.vanished && !again;
}

}  // namespace

Result<FetchModifiers> parse_fetch_modifiers(Scanner& scanner) {
    FetchModifiers modifiers;
    if (scanner.at_end()) {
        return modifiers;
    }
    if (!scanner.space() || !scanner.accept('(')) {
        return bad("Invalid arguments.");
    }
    do {
        if (!parse_modifier(scanner, modifiers)) {
            return bad("Unknown FETCH modifier");
        }
    } while (scanner.space());
    if (!scanner.accept(')') || !scanner.at_end()) {
        return bad("Unknown FETCH modifier");
    }
    return modifiers;
}

}  // namespace relais::imap
