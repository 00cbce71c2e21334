#include "imapd/imap/notifier.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/format.h"

#include "imapd/imap/commands.h"

namespace relais {

namespace {

// So many mailboxes are looked at when the watch begins.  Of others the first change is told
// whatever it is about.
constexpr std::size_t kLookAtOnce = 500;

using Kind = NameChange::Kind;

bool is_about_subscription(const NameChange& change) {
    return change.kind == Kind::kSubscribed || change.kind == Kind::kUnsubscribed;
}

}  // namespace

Notifier::Notifier(Session& session, imap::NotifyRequest request)
    : session_(session), request_(std::move(request)) {
    for (imap::NotifyGroup& group : request_.others) {
        take_names(session, group.filter);
    }
}

imap::NotifyEvents Notifier::events_for(std::string_view name) const {
    return events_for({name, session_.user.is_own(name), names_->subscribed(name)});
}

imap::NotifyEvents Notifier::events_for(const imap::FilteredMailbox& mailbox) const {
    return request_.events_for(mailbox, session_.user.separator());
}

bool Notifier::is_selected(std::string_view name) const {
    return session_.selected && session_.selected->mailbox().name == name;
}

ReportScope Notifier::scope(Expunges expunges) const {
    ReportScope scope;
    scope.expunges = expunges;
    scope.with_uid = WithUid::kYes;  // RFC 5465 5.1
    scope.arrivals = request_.selected && request_.selected->events.message_new;
    scope.flags = request_.selected && request_.selected->events.flag_change;
    return scope;
}

bool Notifier::expunges_at_once() const {
    return request_.selected &&
           request_.selected->filter.kind == imap::MailboxFilter::Kind::kSelected;
}

const imap::FetchItems& Notifier::fetch_items() const {
    static const imap::FetchItems nothing;
    return request_.selected ? request_.selected->fetch : nothing;
}

Task<std::expected<void, Reply>> Notifier::begin() {
    if (request_.others.empty()) {
        co_return std::expected<void, Reply>();
    }
    names_ = std::make_unique<NameWatch>(session_.user, news_);
    Result<void> read = names_->begin();
    if (read && request_.events().about_metadata()) {
        annotations_ = std::make_unique<AnnotationWatch>(session_.user, news_);
        read = annotations_->begin();
    }
    if (!read) {
        co_return std::unexpected(Reply::no("[SERVERBUG] " + printable(read.error().message)));
    }
    const bool active = names_->active() && (!annotations_ || annotations_->active());
    if (!active || !watch_mailboxes(Fresh::kUnknown)) {
        co_return std::unexpected(
            Reply::no("[NOTIFICATIONOVERFLOW] These are too many mailboxes to watch."));
    }
    session_.user.load_special_uses();
    co_await look_at_all();
    co_return std::expected<void, Reply>();
}

// What was known of a directory before, under whatever name.
std::unique_ptr<Notifier::Watched> Notifier::Known::take(const std::string& name,
                                                         const std::optional<DirectoryId>& id) {
    auto place = id ? places.find(*id) : places.end();
    auto found = mailboxes.find(place != places.end() ? place->second : name);
    if (found == mailboxes.end() || found->second->id != id) {
        return nullptr;
    }
    auto taken = std::move(found->second);
    mailboxes.erase(found);
    taken->name = name;
    return taken;
}

// Follows the names and what is wanted of each.  False where it is too much.
bool Notifier::watch_mailboxes(Fresh fresh) {
    Known before;
    before.mailboxes.swap(watched_);
    for (const auto& [name, mailbox] : before.mailboxes) {
        if (mailbox->id) {
            before.places.emplace(*mailbox->id, name);
        }
    }
    for (const auto& [name, id] : names_->names()) {
        imap::NotifyEvents events = events_for(name);
        bool readable = session_.user.access().rights_on(name).has(AclRights::of("r"));
        if (!events.in_mailbox() || !readable) {
            continue;
        }
        if (watched_.size() >= static_cast<std::size_t>(conf().imap_notify_mailbox_limit())) {
            return false;
        }
        auto mailbox = before.take(name, id);
        if (!mailbox) {
            mailbox = std::make_unique<Watched>();
            mailbox->name = name;
            mailbox->id = id;
            if (!watch(*mailbox)) {
                if (is_whole(name)) {
                    return false;
                }
                continue;  // the names will tell
            }
            if (fresh == Fresh::kEmpty) {
                mailbox->told = MailboxCounts{.uid_next = 1};
                mailbox->changed = true;
            }
        }
        mailbox->events = events;
        watched_.emplace(name, std::move(mailbox));
    }
    return true;
}

// Not one that somebody is removing at the moment.
bool Notifier::is_whole(const std::string& name) const {
    return std::ranges::all_of(
        session_.user.tree().open(name)->watched(),
        [](const Mailbox::Watched& part) { return can_be_watched(part.path); });
}

bool Notifier::watch(Watched& mailbox) {
    Watched* watched = &mailbox;
    mailbox.watch = std::make_unique<DirectoryWatch>(
        session_.user.tree().open(mailbox.name)->watched(), [this, watched](const DirectoryEvent&) {
            watched->changed = true;
            news_.announce();
        });
    return mailbox.watch->active();
}

// Null for one that is gone, which the names will tell, and for one that the user may not read any
// longer (RFC 5465 5.9).
Task<std::shared_ptr<OpenMailbox>> Notifier::look_at(std::string name) {
    bool there =
        session_.user.tree().exists(name) && !refuse_mailbox(session_, name, AclRights::of("r"));
    if (!there) {
        co_return nullptr;
    }
    auto mailbox = session_.user.open(name);
    auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
    if (!synced) {
        session_.user.forget(name);
        co_return nullptr;
    }
    co_return mailbox;
}

Task<void> Notifier::look_at_all() {
    bool look = request_.status || watched_.size() <= kLookAtOnce;
    for (auto& [name, watched] : watched_) {
        auto mailbox = look ? co_await look_at(name) : nullptr;
        if (!mailbox) {
            continue;
        }
        watched->told = counts_of(mailbox->box);
        if (request_.status && !is_selected(name)) {
            co_await write_status(*watched, all_items(watched->events));
        }
        co_await yield();
    }
}

Task<void> Notifier::write_status(const Watched& mailbox, StatusItems items) {
    auto status = co_await mailbox_status(session_, mailbox.name, items);
    if (status) {
        session_.stream.write(*status);
        co_await session_.drain();
    }
}

StatusItems Notifier::all_items(const imap::NotifyEvents& events) {
    StatusItems items;
    items.messages = items.uid_next = items.uid_validity = items.unseen = true;
    items.highest_modseq = events.flag_change;
    return items;
}

// RFC 5465 5.1 to 5.3; nothing where there is nothing to tell.
std::optional<StatusItems> Notifier::news_of(const Watched& mailbox,
                                             const MailboxCounts& now) const {
    if (!mailbox.told) {
        return all_items(mailbox.events);
    }
    const MailboxCounts& told = *mailbox.told;
    if (told.uid_validity != 0 && told.uid_validity != now.uid_validity) {
        return all_items(mailbox.events);
    }
    const imap::NotifyEvents& events = mailbox.events;
    bool came = now.uid_next > told.uid_next;
    bool went = now.messages < told.messages + (now.uid_next - told.uid_next);
    bool condstore = session_.enabled.condstore;
    StatusItems items;
    if ((events.message_new && came) || (events.message_expunge && went)) {
        items.messages = items.uid_next = items.unseen = true;
        items.highest_modseq = condstore;
    }
    if (events.flag_change && now.last_flag_change != told.last_flag_change) {
        items.unseen |= mailbox.unseen_known && now.unseen != told.unseen;
        items.highest_modseq |= condstore;
        items.uid_validity |= condstore;
    }
    bool any = items.messages || items.unseen || items.highest_modseq;
    return any ? std::optional(items) : std::nullopt;
}

Task<void> Notifier::tell_messages(Watched& mailbox) {
    mailbox.changed = false;
    auto open = co_await look_at(mailbox.name);
    if (!open) {
        co_return;
    }
    const MailboxCounts now = counts_of(open->box);  // more may come while this is told
    auto items = news_of(mailbox, now);
    if (items) {
        co_await write_status(mailbox, *items);
    }
    mailbox.told = now;
    mailbox.unseen_known = true;
}

Task<void> Notifier::tell() {
    take_directory_events();
    if (names_ && !tell_names()) {
        give_up();
    }
    for (auto& [name, mailbox] : watched_) {
        if (mailbox->changed && !is_selected(name)) {
            co_await tell_messages(*mailbox);
        }
    }
    co_await tell_annotations();
}

bool Notifier::wants_annotations(std::string_view name) const {
    if (name.empty()) {
        return request_.events().server_metadata_change;
    }
    const bool visible = session_.user.access().rights_on(name).has(AclRights::of("l"));
    return visible && events_for(name).mailbox_metadata_change;
}

Task<std::string> Notifier::guid_of(std::string name) {
    const MailboxPlace place = session_.user.tree().place_of(name);
    if (!place.single_file) {
        co_return UidList::load_guid(place.control_directory());
    }
    auto mailbox = co_await look_at(name);
    co_return mailbox ? mailbox->box.guid() : "";
}

// Annotations change rarely: it is looked for when one has.
Task<std::optional<std::string>> Notifier::mailbox_with(std::string guid) {
    std::vector<std::string> names;
    for (const auto& [name, id] : names_->names()) {
        names.push_back(name);
    }
    for (const std::string& name : names) {
        const std::string found = co_await guid_of(name);
        if (found == guid) {
            co_return name;
        }
        co_await yield();
    }
    co_return std::nullopt;
}

// RFC 5464 4.4.2: without the values.
Task<void> Notifier::tell_annotations() {
    auto changes = annotations_ ? annotations_->look() : Result<std::vector<AnnotationKey>>();
    if (!changes) {
        log_warning("{}", changes.error().message);
        co_return;
    }
    std::map<std::string, std::optional<std::string>> names;  // by GUID
    std::map<std::string, std::string> entries;               // of each mailbox
    for (const AnnotationKey& change : *changes) {
        if (!change.server && !names.contains(change.guid)) {
            auto found = co_await mailbox_with(change.guid);
            names.emplace(change.guid, std::move(found));
        }
        auto name = change.server ? std::optional<std::string>("") : names.at(change.guid);
        if (name && wants_annotations(*name)) {
            const imap::MetadataEntry entry{change.shared, change.entry};
            entries[*name] += " " + entry.full_name();
        }
    }
    for (const auto& [name, list] : entries) {
        std::string line = "* METADATA ";
        session_.append_name(line, name);
        session_.stream.write(line + list + "\r\n");
    }
}

void Notifier::expect_annotation(const AnnotationScope& scope, const Annotation& change) {
    if (annotations_) {
        annotations_->expect(scope, change);
    }
}

// False where there is more to watch now than can be.
bool Notifier::tell_names() {
    auto changes = names_->look();
    if (!changes) {
        log_warning("{}", changes.error().message);
        return true;
    }
    if (changes->empty()) {
        return names_->active();
    }
    session_.user.load_special_uses();
    for (const NameChange& change : *changes) {
        write_change(change);
    }
    return names_->active() && watch_mailboxes(Fresh::kEmpty);
}

bool Notifier::concerns(const NameChange& change, std::string_view name) const {
    bool left = change.kind == Kind::kUnsubscribed;
    imap::NotifyEvents events =
        events_for({name, session_.user.is_own(name), left || names_->subscribed(name)});
    return is_about_subscription(change) ? events.subscription_change : events.mailbox_name;
}

void Notifier::write_change(const NameChange& change) {
    if (concerns(change, change.name) ||
        (change.kind == Kind::kRenamed && concerns(change, change.old_name))) {
        write_name(change.name, change.old_name);
    }
    // The parent has more or fewer children now.
    auto end = change.name.rfind(session_.user.separator());
    bool parent = change.kind == Kind::kCreated || change.kind == Kind::kDeleted;
    if (parent && end != std::string::npos && concerns(change, change.name.substr(0, end))) {
        write_name(change.name.substr(0, end), "");
    }
}

void Notifier::write_name(std::string_view name, std::string_view old_name) {
    std::vector<std::string> attributes;
    bool exists = names_->names().contains(name);
    if (!exists) {
        attributes.emplace_back("\\NonExistent");
    }
    attributes.emplace_back(names_->has_children(name) ? "\\HasChildren" : "\\HasNoChildren");
    if (names_->subscribed(name)) {
        attributes.emplace_back("\\Subscribed");
    }
    std::string_view use = exists ? session_.user.special_use(name) : "";
    if (!use.empty()) {
        attributes.emplace_back(use);
    }
    std::string line =
        format("* LIST {} \"{}\" ", imap::format_flags(attributes), session_.user.separator());
    session_.append_name(line, name);
    if (!old_name.empty()) {
        line += " (\"OLDNAME\" (";
        session_.append_name(line, old_name);
        line += "))";
    }
    session_.stream.write(line + "\r\n");
}

// RFC 5465 5.8: as after NOTIFY NONE.
void Notifier::give_up() {
    session_.stream.write("* OK [NOTIFICATIONOVERFLOW] There is too much to watch.\r\n");
    request_ = {};
    watched_.clear();
    annotations_.reset();
    names_.reset();
}

void Notifier::expect(const NameChange& change) {
    if (!names_) {
        return;
    }
    names_->expect(change);
    if (!watch_mailboxes(Fresh::kEmpty)) {
        give_up();
    }
}

void Notifier::expect_arrivals(const std::string& mailbox, const std::vector<std::uint32_t>& uids) {
    if (is_selected(mailbox)) {
        own_uids_.insert(own_uids_.end(), uids.begin(), uids.end());
        return;
    }
    auto found = watched_.find(mailbox);
    bool next = found != watched_.end() && found->second->told && !uids.empty() &&
                found->second->told->uid_next == uids.front();
    if (next) {
        found->second->told->uid_next = uids.back() + 1;
        found->second->told->messages += uids.size();
        found->second->unseen_known = false;
    }
}

std::vector<std::uint32_t> Notifier::foreign_arrivals(std::vector<std::uint32_t> uids) {
    std::ranges::sort(own_uids_);
    std::erase_if(uids,
                  [this](std::uint32_t uid) { return std::ranges::binary_search(own_uids_, uid); });
    own_uids_.clear();
    return uids;
}

void Notifier::left(Selected& selected) {
    own_uids_.clear();
    auto found = watched_.find(selected.mailbox().name);
    if (found != watched_.end() && selected.all_told()) {
        found->second->told = counts_of(selected.mailbox().box);
        found->second->changed = false;
    }
}

}  // namespace relais
