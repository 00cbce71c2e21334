#include "lib/imap/notify_request.h"

#include <algorithm>
#include <array>

namespace relais::imap {

namespace {

// Each mailbox is held against each of them.
constexpr std::size_t kMostGroups = 100;

struct EventName {
    std::string_view text;
    bool NotifyEvents::* event;
};

constexpr std::array<EventName, 7> kEvents = {
    {{"MessageNew", &NotifyEvents::message_new},
     {"MessageExpunge", &NotifyEvents::message_expunge},
     {"FlagChange", &NotifyEvents::flag_change},
     {"MailboxName", &NotifyEvents::mailbox_name},
     {"SubscriptionChange", &NotifyEvents::subscription_change},
     {"MailboxMetadataChange", &NotifyEvents::mailbox_metadata_change},
     {"ServerMetadataChange", &NotifyEvents::server_metadata_change}}};

std::unexpected<Error> bad(std::string text) {
    return fail(Errc::kSyntax, std::move(text));
}

class Parser {
  public:
    explicit Parser(Scanner& scanner) : scanner_(scanner) {}

    Result<NotifyRequest> parse();

  private:
    Result<void> parse_group();
    Result<void> parse_events(NotifyGroup& group);
    Result<void> parse_event(NotifyGroup& group);
    Result<void> check_selected(const NotifyGroup& group) const;
    Result<void> keep(NotifyGroup group);

    Scanner& scanner_;
    NotifyRequest request_;
    bool unknown_events_ = false;
    bool too_many_ = false;
};

Result<NotifyRequest> Parser::parse() {
    if (scanner_.accept_word("NONE") && scanner_.at_end()) {
        return NotifyRequest();
    }
    if (!scanner_.accept_word("SET") || !scanner_.space()) {
        return bad("Invalid arguments.");
    }
    request_.status = scanner_.accept_word("STATUS");
    if (request_.status && !scanner_.space()) {
        return bad("Missing event groups.");
    }
    do {
        auto parsed = parse_group();
        if (!parsed) {
            return fail_with(parsed);
        }
    } while (scanner_.space());
    if (!scanner_.at_end()) {
        return bad("Invalid arguments.");
    }
    if (unknown_events_) {
        return fail(Errc::kDenied, "Unsupported NOTIFY events.");
    }
    if (too_many_) {
        return fail(Errc::kTooLarge, "Too many event groups.");
    }
    return std::move(request_);
}

// "(subtree Lists (MessageNew MessageExpunge))"
Result<void> Parser::parse_group() {
    auto filter = scanner_.accept('(') ? parse_mailbox_filter(scanner_) : std::nullopt;
    if (!filter || filter->kind == MailboxFilter::Kind::kSubtreeOne || !scanner_.space()) {
        return bad("Invalid mailbox specification.");
    }
    NotifyGroup group;
    group.filter = std::move(*filter);
    auto parsed = scanner_.accept_word("NONE") ? Result<void>() : parse_events(group);
    if (!parsed) {
        return parsed;
    }
    return scanner_.accept(')') ? keep(std::move(group)) : bad("Invalid event group.");
}

// Without parentheses in the examples of RFC 5465 3.1, with them in its grammar.
Result<void> Parser::parse_events(NotifyGroup& group) {
    bool list = scanner_.accept('(');
    do {
        auto parsed = parse_event(group);
        if (!parsed) {
            return parsed;
        }
    } while (scanner_.space());
    return !list || scanner_.accept(')') ? Result<void>() : bad("Invalid list of events.");
}

Result<void> Parser::parse_event(NotifyGroup& group) {
    auto known = std::ranges::find_if(
        kEvents, [this](const EventName& each) { return scanner_.accept_word(each.text); });
    if (known == kEvents.end()) {
        unknown_events_ = true;
        return scanner_.atom() ? Result<void>() : bad("Invalid event.");
    }
    group.events.*(known->event) = true;
    Scanner behind = scanner_;
    bool attributes =
        known->event == &NotifyEvents::message_new && behind.space() && behind.peek() == '(';
    if (!attributes) {
        return {};
    }
    if (!group.filter.is_selected()) {
        return bad("Only new messages of the selected mailbox can be fetched.");
    }
    auto items = parse_fetch_items(behind);
    if (!items) {
        return fail_with(items);
    }
    group.fetch = std::move(*items);
    scanner_ = behind;
    return {};
}

// RFC 5465 5 and 6.1.  Of other mailboxes than the selected one its own examples ask for MessageNew
// alone, and so it is taken there, as by Dovecot.
Result<void> Parser::check_selected(const NotifyGroup& group) const {
    const NotifyEvents& events = group.events;
    if (request_.selected) {
        return bad("Duplicate selected filter.");
    }
    if (events.about_names() || events.about_metadata()) {
        return bad("Only events of messages are told of the selected mailbox.");
    }
    if (events.message_new != events.message_expunge) {
        return bad("MessageNew and MessageExpunge must be together.");
    }
    if (events.flag_change && !events.message_expunge) {
        return bad("FlagChange requires MessageNew and MessageExpunge.");
    }
    return {};
}

Result<void> Parser::keep(NotifyGroup group) {
    if (group.filter.is_selected()) {
        auto checked = check_selected(group);
        if (checked) {
            request_.selected = std::move(group);
        }
        return checked;
    }
    bool asks = group.events.any();
    if (asks && request_.others.size() < kMostGroups) {
        request_.others.push_back(std::move(group));
    } else {
        too_many_ |= asks;
    }
    return {};
}

}  // namespace

void NotifyEvents::add(const NotifyEvents& more) {
    for (const EventName& each : kEvents) {
        this->*(each.event) |= more.*(each.event);
    }
}

NotifyEvents NotifyRequest::events_for(const FilteredMailbox& mailbox, char separator) const {
    NotifyEvents events;
    for (const NotifyGroup& group : others) {
        if (group.filter.covers(mailbox, separator)) {
            events.add(group.events);
        }
    }
    return events;
}

NotifyEvents NotifyRequest::events() const {
    NotifyEvents events;
    for (const NotifyGroup& group : others) {
        events.add(group.events);
    }
    return events;
}

Result<NotifyRequest> parse_notify(Scanner& scanner) {
    return Parser(scanner).parse();
}

}  // namespace relais::imap
