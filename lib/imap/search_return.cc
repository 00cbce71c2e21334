#include "lib/imap/search_return.h"

#include <algorithm>

#include "lib/imap/format.h"

namespace relais::imap {

namespace {

std::unexpected<Error> bad(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

// "UPDATE (UID FLAGS)", of which the first word is over.
bool parse_update(Scanner& scanner, SearchReturn& wanted) {
    wanted.update = true;
    Scanner behind = scanner;
    (void)behind.space();
    if (behind.peek() != '(') {
        return true;
    }
    auto items = parse_fetch_items(behind);
    if (!items) {
        return false;
    }
    wanted.update_fetch = std::move(*items);
    scanner = behind;
    return true;
}

bool parse_option(Scanner& scanner, SearchReturn& wanted) {
    if (scanner.accept_word("MIN")) {
        wanted.min = true;
    } else if (scanner.accept_word("MAX")) {
        wanted.max = true;
    } else if (scanner.accept_word("ALL")) {
        wanted.all = true;
    } else if (scanner.accept_word("COUNT")) {
        wanted.count = true;
    } else if (scanner.accept_word("SAVE")) {
        wanted.save = true;
    } else if (scanner.accept_word("CONTEXT")) {
        // RFC 5267 4.2: a hint that more searches of this kind will come
    } else if (scanner.accept_word("UPDATE") && !wanted.update) {
        return parse_update(scanner, wanted);
    } else if (scanner.accept_word("PARTIAL") && !wanted.partial && scanner.space()) {
        wanted.partial = parse_partial_range(scanner);
        return wanted.partial.has_value();
    } else {
        return false;
    }
    return true;
}

}  // namespace

Result<std::optional<SearchReturn>> parse_search_return(Scanner& scanner) {
    if (!scanner.accept_word("RETURN")) {
        return std::nullopt;
    }
    if (!scanner.space() || !scanner.accept('(')) {
        return bad("Missing list of return options");
    }
    SearchReturn wanted;
    while (!scanner.accept(')')) {
        scanner.space();
        if (!parse_option(scanner, wanted)) {
            return bad("Unknown return option");
        }
    }
    if (wanted.partial && wanted.all) {
        return bad("PARTIAL and ALL exclude each other");
    }
    // RFC 4731 3.1: an empty list stands for ALL; RFC 5182 2.1: SAVE alone for no answer.
    wanted.all |= !wanted.answers() && !wanted.save;
    if (!scanner.space()) {
        return bad("Missing search key");
    }
    return wanted;
}

std::vector<std::uint32_t> SearchReturn::saved(std::span<const std::uint32_t> results) const {
    std::vector<std::uint32_t> kept;
    bool some = (min || max || partial) && !all && !count;
    if (!some) {
        kept.assign(results.begin(), results.end());
    } else if (!results.empty()) {
        if (partial) {
            auto part = partial->of(results);
            kept.assign(part.begin(), part.end());
        }
        if (min) {
            kept.push_back(results.front());
        }
        if (max) {
            kept.push_back(results.back());
        }
    }
    std::ranges::sort(kept);
    auto again = std::ranges::unique(kept);
    kept.erase(again.begin(), again.end());
    return kept;
}

void append_number_list(std::string& out, std::span<const std::uint32_t> numbers) {
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t end = i + 1;
        while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) {
            ++end;
        }
        out += i == 0 ? "" : ",";
        out += std::to_string(numbers[i]);
        if (end - i > 1) {
            out += ':';
            out += std::to_string(numbers[end - 1]);
        }
        i = end;
    }
}

void append_esearch_head(std::string& out, std::string_view tag, ResultNumbers kind) {
    out += "* ESEARCH (TAG ";
    append_string(out, tag);
    out += kind == ResultNumbers::kUid ? ") UID" : ")";
}

void append_esearch(std::string& out, std::string_view tag, ResultNumbers kind,
                    const SearchReturn& wanted, std::span<const std::uint32_t> results,
                    std::optional<std::uint64_t> modseq) {
    append_esearch_head(out, tag, kind);
    append_esearch_data(out, wanted, results, modseq);
}

void append_esearch_data(std::string& out, const SearchReturn& wanted,
                         std::span<const std::uint32_t> results,
                         std::optional<std::uint64_t> modseq) {
    if (wanted.min && !results.empty()) {
        out += " MIN " + std::to_string(results.front());
    }
    if (wanted.max && !results.empty()) {
        out += " MAX " + std::to_string(results.back());
    }
    if (wanted.all && !results.empty()) {
        out += " ALL ";
        append_number_list(out, results);
    }
    if (wanted.partial) {
        auto part = wanted.partial->of(results);
        out += " PARTIAL (" + wanted.partial->to_string() + " ";
        append_number_list(out, part);
        out += part.empty() ? "NIL)" : ")";
    }
    if (wanted.count) {
        out += " COUNT " + std::to_string(results.size());
    }
    if (modseq && !results.empty()) {
        out += " MODSEQ " + std::to_string(*modseq);
    }
    out += "\r\n";
}

}  // namespace relais::imap
