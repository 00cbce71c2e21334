#include "lib/imap/metadata.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxEntries = 100;
constexpr std::size_t kLongestName = 1000;
constexpr std::string_view kPrivate = "/private";
constexpr std::string_view kShared = "/shared";

std::unexpected<Error> wrong(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

Result<MetadataEntry> next_entry(Scanner& scanner) {
    auto text = scanner.astring();
    return text ? MetadataEntry::parse(*text) : wrong("Entry name expected");
}

}  // namespace

std::string MetadataEntry::full_name() const {
    std::string text(shared ? kShared : kPrivate);
    return name.empty() ? text : text + "/" + name;
}

Result<MetadataEntry> MetadataEntry::parse(std::string_view text) {
    if (!text.starts_with('/')) {
        return wrong("Entry name must begin with '/'");
    }
    bool odd = std::ranges::any_of(
        text, [](char c) { return !is_print(c) || c == '*' || c == '%' || c == ' '; });
    if (odd || text.size() > kLongestName) {
        return wrong("Entry name is too long, or has characters that cannot be in it");
    }
    if (text.find("//") != std::string_view::npos || text.ends_with('/')) {
        return wrong("Entry name can't contain consecutive '/', nor end with one");
    }
    for (std::string_view root : {kPrivate, kShared}) {
        bool here =
            istarts_with(text, root) && (text.size() == root.size() || text[root.size()] == '/');
        if (here) {
            MetadataEntry entry;
            entry.shared = root == kShared;
            entry.name = lowercase(trim_left(text.substr(root.size()), "/"));
            return entry;
        }
    }
    return wrong("Entry name must begin with /private or /shared");
}

bool MetadataOptions::covers(std::string_view entry, std::string_view name) const {
    if (name == entry) {
        return true;
    }
    bool below = entry.empty() || (name.starts_with(entry) && name[entry.size()] == '/');
    if (!below || depth == Depth::kNone) {
        return false;
    }
    std::string_view rest = name.substr(entry.empty() ? 0 : entry.size() + 1);
    return depth == Depth::kInfinity || rest.find('/') == std::string_view::npos;
}

bool MetadataOptions::parse(Scanner& scanner) {
    if (!scanner.accept('(')) {
        return false;
    }
    do {
        if (scanner.accept_word("MAXSIZE")) {
            max_size = scanner.space() ? scanner.number64() : std::nullopt;
            if (!max_size) {
                return false;
            }
        } else if (scanner.accept_word("DEPTH") && scanner.space()) {
            auto word = scanner.atom().value_or("");
            if (word != "0" && word != "1" && !iequals(word, "infinity")) {
                return false;
            }
            depth = word == "0" ? Depth::kNone : word == "1" ? Depth::kOne : Depth::kInfinity;
        } else {
            return false;
        }
    } while (scanner.space());
    return scanner.accept(')');
}

Result<std::vector<MetadataEntry>> parse_metadata_names(Scanner& scanner) {
    std::vector<MetadataEntry> entries;
    bool list = scanner.accept('(');
    do {
        auto entry = next_entry(scanner);
        if (!entry) {
            return fail_with(entry);
        }
        entries.push_back(std::move(*entry));
    } while (list && entries.size() <= kMaxEntries && scanner.space());
    bool closed = !list || scanner.accept(')');
    return closed && entries.size() <= kMaxEntries
               ? Result<std::vector<MetadataEntry>>(std::move(entries))
               : wrong("Invalid arguments.");
}

Result<std::vector<MetadataEntry>> parse_metadata_values(Scanner& scanner) {
    std::vector<MetadataEntry> entries;
    if (!scanner.accept('(')) {
        return wrong("Invalid arguments.");
    }
    do {
        auto entry = next_entry(scanner);
        if (!entry) {
            return fail_with(entry);
        }
        auto value = scanner.space() ? scanner.nstring() : std::nullopt;
        if (!value || entry->name.empty() || entries.size() >= kMaxEntries) {
            return wrong("Invalid arguments.");
        }
        entry->value = std::move(value->value);
        entries.push_back(std::move(*entry));
    } while (scanner.space());
    return scanner.accept(')') ? Result<std::vector<MetadataEntry>>(std::move(entries))
                               : wrong("Invalid arguments.");
}

}  // namespace relais::imap
