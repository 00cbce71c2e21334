#include "lib/imap/sort_program.h"

#include <algorithm>
#include <array>

#include "lib/base/strings.h"
#include "lib/imap/address_list.h"
#include "lib/imap/base_subject.h"
#include "lib/imap/charset.h"
#include "lib/imap/header_fields.h"
#include "lib/mail/casemap.h"

namespace relais::imap {

namespace {

constexpr std::size_t kLongestText = 512;

struct NamedKey {
    std::string_view name;
    SortKey key;
    std::string_view field;
};

constexpr std::array<NamedKey, 9> kKeys = {{{"ARRIVAL", SortKey::kArrival, ""},
                                            {"CC", SortKey::kCc, "Cc"},
                                            {"DATE", SortKey::kDate, ""},
                                            {"DISPLAYFROM", SortKey::kDisplayFrom, "From"},
                                            {"DISPLAYTO", SortKey::kDisplayTo, "To"},
                                            {"FROM", SortKey::kFrom, "From"},
                                            {"SIZE", SortKey::kSize, ""},
                                            {"SUBJECT", SortKey::kSubject, "Subject"},
                                            {"TO", SortKey::kTo, "To"}}};

std::unexpected<Error> bad(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

// RFC 5256 3: the mailbox of the first address.
std::string first_mailbox(const std::vector<EnvelopeAddress>& addresses) {
    return addresses.empty() ? "" : addresses.front().mailbox.value_or("");
}

// RFC 5957 3: its display name, else the name of its group, else the address.
std::string first_display(const std::vector<EnvelopeAddress>& addresses) {
    if (addresses.empty()) {
        return "";
    }
    const EnvelopeAddress& first = addresses.front();
    if (first.name && !first.name->empty()) {
        return decode_header(*first.name);
    }
    std::string mailbox = first.mailbox.value_or("");
    return first.host ? mailbox + "@" + *first.host : decode_header(mailbox);
}

}  // namespace

Result<std::vector<SortCriterion>> parse_sort_program(Scanner& scanner) {
    if (!scanner.accept('(')) {
        return bad("Invalid sort argument");
    }
    std::vector<SortCriterion> program;
    bool reverse = false;
    while (!scanner.accept(')')) {
        scanner.space();
        auto word = scanner.atom();
        if (!word) {
            return bad("Invalid sort argument");
        }
        if (iequals(*word, "REVERSE")) {
            reverse = !reverse;
            continue;
        }
        auto found = std::ranges::find_if(
            kKeys, [word](const NamedKey& each) { return iequals(each.name, *word); });
        if (found == kKeys.end()) {
            return bad("Unknown sort argument: " + printable(*word));
        }
        if (std::ranges::find(program, found->key, &SortCriterion::key) == program.end()) {
            program.push_back({found->key, reverse});
        }
        reverse = false;
    }
    if (program.empty() || reverse) {
        return bad(reverse ? "Sort list ends with REVERSE" : "Empty sort program");
    }
    return program;
}

SortText sort_text(SortKey key, std::string_view header) {
    SortText value;
    auto named = std::ranges::find(kKeys, key, &NamedKey::key);
    auto field = find_field(header, named->field);
    if (!field) {
        return value;
    }
    if (key == SortKey::kSubject) {
        BaseSubject base = base_subject(field->value);
        value.text = unicode_casemap(base.text);
        value.is_reply = base.is_reply;
    } else {
        bool display = key == SortKey::kDisplayFrom || key == SortKey::kDisplayTo;
        auto addresses = parse_address_list(unfold(field->value));
        value.text = unicode_casemap(display ? first_display(addresses) : first_mailbox(addresses));
    }
    value.text.resize(std::min(value.text.size(), kLongestText));
    return value;
}

}  // namespace relais::imap
