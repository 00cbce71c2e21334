// Fuzz target: what an IMAP client can send: framing, tokens, FETCH items, SEARCH keys, names,
// sets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/imap/append_parser.h"
#include "lib/imap/auth_url.h"
#include "lib/imap/command_reader.h"
#include "lib/imap/dates.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/imap_url.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/metadata.h"
#include "lib/imap/modseq.h"
#include "lib/imap/notify_request.h"
#include "lib/imap/search_key.h"
#include "lib/imap/search_return.h"
#include "lib/imap/sequence_set.h"
#include "lib/imap/sort_program.h"
#include "lib/imap/uid_batches.h"
#include "lib/imap/utf7.h"

using namespace relais::imap;

namespace {

// Each line stands for what comes up to a literal.
void read_append(std::string_view text) {
    AppendParser parser(AppendParser::Messages::kMany);
    auto lines = relais::split_fields(text, '\n');
    for (std::size_t i = 0; i < lines.size(); ++i) {
        parser.line(lines[i]);
        for (std::size_t steps = 0;; ++steps) {
            auto kind = parser.next().kind;
            if (kind == AppendStep::Kind::kBad || kind == AppendStep::Kind::kDone) {
                return;
            }
            if (steps > text.size() + 10) {
                std::abort();  // it must get on
            }
            if (kind == AppendStep::Kind::kText || kind == AppendStep::Kind::kUrlLiteral) {
                break;
            }
        }
    }
}

void read_arguments(std::string_view text) {
    Scanner scanner(text);
    while (!scanner.at_end()) {
        std::size_t before = scanner.rest().size();
        (void)scanner.astring();
        (void)scanner.flag_list(Scanner::Parentheses::kOptional);
        (void)scanner.nstring();
        (void)scanner.sequence_text();
        (void)scanner.accept(scanner.peek());
        if (scanner.rest().size() >= before) {
            std::abort();  // it must get on
        }
    }
    Scanner items(text);
    if (auto parsed = parse_fetch_items(items)) {
        (void)parsed->sets_seen();
    }
    Scanner keys(text);
    (void)parse_search(keys);
    Scanner options(text);
    (void)parse_search_return(options);
    Scanner criteria(text);
    (void)parse_sort_program(criteria);
    Scanner modifiers(text);
    (void)parse_fetch_modifiers(modifiers);
    Scanner parameters(text);
    if (auto parsed = parse_select_parameters(parameters); parsed && parsed->resync) {
        const auto& resync = *parsed->resync;
        if (resync.match_numbers.count() != resync.match_uids.count()) {
            std::abort();
        }
        if (resync.known_uids) {
            (void)resync.known_uids->intersection(resync.match_uids);
        }
    }
    Scanner names(text);
    (void)parse_metadata_names(names);
    Scanner batches(text);
    if (auto wanted = parse_uid_batches(batches)) {
        (void)format_uid_batches(*wanted, std::vector<std::uint32_t>{1, 2, 7});
    }
    Scanner values(text);
    for (const auto& entry : parse_metadata_values(values).value_or(std::vector<MetadataEntry>())) {
        if (!MetadataEntry::parse(entry.full_name())) {
            std::abort();
        }
    }
    Scanner sources(text);
    if (auto parsed = parse_mailbox_filter(sources)) {
        (void)parsed->covers({text}, '.');
    }
    Scanner events(text);
    if (auto parsed = parse_notify(events)) {
        (void)parsed->events_for({text}, '.');
    }
    (void)parse_imap_url(text);
    (void)parse_auth_url(text);
    read_append(text);
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    read_arguments(text);
    CommandReader reader(200);
    std::string_view left = text;
    while (!left.empty()) {
        std::size_t taken = 0;
        auto event = reader.feed(left, taken);
        left.remove_prefix(taken);
        (void)reader.tag();
        if (event == CommandReader::Event::kHopeless) {
            break;
        }
        if (event == CommandReader::Event::kCommand || event == CommandReader::Event::kTooLong) {
            read_arguments(reader.command());
            reader.next();
        } else if (event == CommandReader::Event::kMessage) {
            left.remove_prefix(std::min<std::size_t>(left.size(), reader.literal_size()));
            reader.message_done();
        }
    }
    if (auto set = SequenceSet::parse(text)) {
        SequenceSet all = set->resolve(1000);
        (void)all.to_string();
        const std::vector<std::uint32_t> some = {1, 7, 8, 500, 4294967295};
        if (all.without(some).count() > all.count() ||
            all.intersection(all).count() != all.count()) {
            std::abort();
        }
    }
    if (auto name = utf7_to_utf8(text)) {
        if (!utf8_to_utf7(*name)) {
            std::abort();
        }
    }
    auto half = text.substr(0, size / 2);
    (void)ListPattern(std::string(half), '.').match(text.substr(size / 2, 100));
    (void)parse_internal_date(text);
    (void)parse_header_date(text);
    return 0;
}
