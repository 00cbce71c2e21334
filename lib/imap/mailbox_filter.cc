#include "lib/imap/mailbox_filter.h"

#include <algorithm>
#include <array>

namespace relais::imap {

namespace {

using Kind = MailboxFilter::Kind;

struct Word {
    std::string_view text;
    Kind kind;
};

// No word is another one's beginning and could be taken for it: accept_word() takes whole atoms.
constexpr std::array<Word, 8> kWords = {{{"SELECTED", Kind::kSelected},
                                         {"SELECTED-DELAYED", Kind::kSelectedDelayed},
                                         {"INBOXES", Kind::kInboxes},
                                         {"PERSONAL", Kind::kPersonal},
                                         {"SUBSCRIBED", Kind::kSubscribed},
                                         {"SUBTREE", Kind::kSubtree},
                                         {"SUBTREE-ONE", Kind::kSubtreeOne},
                                         {"MAILBOXES", Kind::kMailboxes}}};

// A mailbox, or several in parentheses.
bool parse_names(Scanner& scanner, std::vector<std::string>& names) {
    bool list = scanner.accept('(');
    do {
        auto name = scanner.mailbox();
        if (!name) {
            return false;
        }
        names.push_back(std::move(*name));
    } while (list && scanner.space());
    return !list || scanner.accept(')');
}

}  // namespace

std::optional<MailboxFilter> parse_mailbox_filter(Scanner& scanner) {
    auto word = std::ranges::find_if(
        kWords, [&scanner](const Word& each) { return scanner.accept_word(each.text); });
    if (word == kWords.end()) {
        return std::nullopt;
    }
    MailboxFilter filter{word->kind, {}};
    bool named = filter.kind == Kind::kSubtree || filter.kind == Kind::kSubtreeOne ||
                 filter.kind == Kind::kMailboxes;
    if (named && (!scanner.space() || !parse_names(scanner, filter.names))) {
        return std::nullopt;
    }
    return filter;
}

bool MailboxFilter::covers(const FilteredMailbox& mailbox, char separator) const {
    std::string_view whole = mailbox.name;
    auto listed = [this](std::string_view name) {
        return std::ranges::binary_search(names, name, {},
                                          [](const auto& each) { return std::string_view(each); });
    };
    switch (kind) {
        case Kind::kSelected:
        case Kind::kSelectedDelayed:
            return false;
        case Kind::kInboxes:  // RFC 5465 6.3: who cannot tell which they are takes all
        case Kind::kPersonal:
            return mailbox.personal;
        case Kind::kSubscribed:
            return mailbox.subscribed;
        case Kind::kMailboxes:
            return listed(whole);
        default:
            break;
    }
    if (listed(whole)) {
        return true;
    }
    for (auto at = whole.rfind(separator); at != std::string_view::npos && at > 0;
         at = whole.rfind(separator, at - 1)) {
        if (listed(whole.substr(0, at))) {
            return true;
        }
        if (kind == Kind::kSubtreeOne) {
            break;
        }
    }
    return false;
}

}  // namespace relais::imap
