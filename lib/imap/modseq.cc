#include "lib/imap/modseq.h"

namespace relais::imap {

namespace {

constexpr std::uint64_t kMaxModseq = (std::uint64_t{1} << 63) - 1;

// Without "*", which means nothing before the mailbox is open.
std::optional<SequenceSet> parse_known_set(Scanner& scanner) {
    auto text = scanner.sequence_text();
    bool star = text && text->find('*') != std::string_view::npos;
    auto set = text && !star ? SequenceSet::parse(*text) : std::nullopt;
    return set ? std::optional(set->resolve(1)) : std::nullopt;
}

// " (1,3,9 101,103,109)"
bool parse_match(Scanner& scanner, Resync& resync) {
    auto numbers = scanner.accept('(') ? parse_known_set(scanner) : std::nullopt;
    auto uids = numbers && scanner.space() ? parse_known_set(scanner) : std::nullopt;
    if (!uids || numbers->count() != uids->count() || !scanner.accept(')')) {
        return false;
    }
    resync.match_numbers = std::move(*numbers);
    resync.match_uids = std::move(*uids);
    return true;
}

// "(67890007 20050715194045000 41,43:211,214:541 (1,3 41,44))"
std::optional<Resync> parse_resync(Scanner& scanner) {
    Resync resync;
    auto validity = scanner.space() && scanner.accept('(') ? scanner.number() : std::nullopt;
    auto modseq = validity && scanner.space() ? parse_modseq(scanner) : std::nullopt;
    if (!modseq || *modseq == 0 || *validity == 0) {
        return std::nullopt;
    }
    resync.uid_validity = *validity;
    resync.modseq = *modseq;
    bool more = scanner.space();
    if (more && scanner.peek() != '(') {
        resync.known_uids = parse_known_set(scanner);
        if (!resync.known_uids) {
            return std::nullopt;
        }
        more = scanner.space();
    }
    if (more && !parse_match(scanner, resync)) {
        return std::nullopt;
    }
    return scanner.accept(')') ? std::optional(std::move(resync)) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_modseq(Scanner& scanner) {
    auto value = scanner.number64();
    return value && *value <= kMaxModseq ? value : std::nullopt;
}

std::optional<SelectParameters> parse_select_parameters(Scanner& scanner) {
    SelectParameters parameters;
    if (scanner.at_end()) {
        return parameters;
    }
    if (!scanner.space() || !scanner.accept('(')) {
        return std::nullopt;
    }
    do {
        if (scanner.accept_word("CONDSTORE")) {
            parameters.condstore = true;
        } else if (scanner.accept_word("QRESYNC") && !parameters.resync) {
            parameters.resync = parse_resync(scanner);
            if (!parameters.resync) {
                return std::nullopt;
            }
        } else {
            return std::nullopt;
        }
    } while (scanner.space());
    bool whole = scanner.accept(')') && scanner.at_end();
    return whole ? std::optional(std::move(parameters)) : std::nullopt;
}

}  // namespace relais::imap
