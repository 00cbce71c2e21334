#include "lib/access/user.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/event/blocking.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/maildir_size.h"
#include "lib/store/subscriptions.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kHousework{2};
constexpr std::chrono::seconds kKeepUnused{10};

// NAME=\Use, or the same in braces; nothing where it is neither.
std::optional<std::pair<std::string_view, std::string_view>> parse_use(std::string_view item) {
    auto inside = item.starts_with('{') ? strip_braces(item) : Result<std::string_view>(item);
    std::size_t equals = inside ? inside->rfind('=') : std::string_view::npos;
    if (equals == std::string_view::npos) {
        return std::nullopt;
    }
    auto name = trim(inside->substr(0, equals));
    auto use = trim(inside->substr(equals + 1));
    return use.starts_with('\\') ? std::optional(std::pair(name, use)) : std::nullopt;
}

std::map<std::string, std::string, std::less<>> parse_special_use(std::string_view text) {
    std::map<std::string, std::string, std::less<>> uses;
    for (const std::string& item : split_list(text)) {
        auto use = parse_use(item);
        if (!use) {
            log_warning("imap_special_use: \"{}\" is not NAME=\\Use", item);
            continue;
        }
        uses.emplace(use->first, use->second);
    }
    return uses;
}

}  // namespace

OpenMailbox::OpenMailbox(std::string mailbox_name, std::unique_ptr<Mailbox> mailbox)
    : name(std::move(mailbox_name)),
      storage(std::move(mailbox)),
      box(*storage),
      cache(box.place().index_directory(), box.place().file_mode) {
}

const QuotaSettings& quota_settings() {
    static const QuotaSettings settings = [] {
        auto read = QuotaSettings::from_configuration();
        auto rules = quota_rules_of({});
        if (!read || !rules) {
            log_fatal("{}", read ? rules.error().message : read.error().message);
        }
        return std::move(*read);
    }();
    return settings;
}

const std::vector<NamespaceSettings>& namespace_settings() {
    static const std::vector<NamespaceSettings> settings = [] {
        auto read =
            parse_namespaces(conf().imap_namespaces(), conf().imap_hierarchy_separator().front());
        if (!read) {
            log_fatal("imap_namespaces: {}", read.error().message);
        }
        bool shared = std::ranges::any_of(*read, [](const NamespaceSettings& space) {
            return space.type == NamespaceSettings::Type::kShared;
        });
        if (shared && !acl_settings().on) {
            log_fatal("imap_namespaces: a shared namespace needs imap_acl");
        }
        return std::move(*read);
    }();
    return settings;
}

const AclSettings& acl_settings() {
    static const AclSettings settings = [] {
        auto read = AclSettings::from_configuration();
        if (!read) {
            log_fatal("{}", read.error().message);
        }
        return std::move(*read);
    }();
    return settings;
}

const std::vector<NamespaceSettings>& single_namespace() {
    static const std::vector<NamespaceSettings> settings = [] {
        NamespaceSettings space;
        space.inbox = true;
        return std::vector<NamespaceSettings>{space};
    }();
    return settings;
}

User::User(std::string name, const std::string& home, std::string_view location,
           const std::vector<std::string>& quota_rules, const std::vector<std::string>& acl_groups,
           const std::vector<NamespaceSettings>& spaces)
    : name_(std::move(name)),
      home_(home),
      tree_({name_, home, std::string(location)}, spaces, conf().imap_hierarchy_separator().front(),
            conf().myhostname()),
      access_(acl_settings(), {name_, acl_groups, false}, tree_),
      special_use_(parse_special_use(conf().imap_special_use())) {
    tree_.set_storage(storage_setting());
    if (quota_settings().root_name.empty()) {
        return;
    }
    auto rules = quota_rules_of(quota_rules);
    if (!rules) {
        log_warning("user {}: {}", printable(name_), rules.error().message);
        rules = quota_rules_of({});
    }
    quota_.emplace(quota_settings(), rules ? std::move(*rules) : QuotaRules(), tree_.own());
    tree_.own().set_counted([this](std::string_view folder) { return quota_->counts(folder); });
}

Task<Result<QuotaVerdict>> User::room_for(std::string folder, QuotaAmount more) {
    auto own = own_name(folder);
    if (quota_ && !own) {
        std::string root = tree_.place_of(folder).root;
        auto look = [root, more] { return fits_by_maildir_size(root, more); };
        bool fits = co_await run_blocking(std::move(look));
        co_return fits ? QuotaVerdict::kFits : QuotaVerdict::kOver;
    }
    if (!quota_ || !quota_->limited()) {
        co_return QuotaVerdict::kFits;
    }
    const MailQuota* quota = &*quota_;
    auto look = [quota] { return quota->usage(); };
    auto usage = co_await run_blocking(std::move(look));
    if (!usage) {
        co_return fail_with(usage);
    }
    usage_ = *usage;
    co_return quota->judge(*usage, *own, more, Grace::kNone);
}

Task<void> User::quota_changed() {
    if (!quota_ || !quota_->limited() || quota_settings().warnings.empty()) {
        co_return;
    }
    const MailQuota* quota = &*quota_;
    auto look = [quota] { return quota->usage(); };
    auto usage = co_await run_blocking(std::move(look));
    if (!usage) {
        log_warning("{}", usage.error().message);
        co_return;
    }
    auto argv = usage_ ? quota->warning(*usage_, *usage) : std::vector<std::string>();
    usage_ = *usage;
    if (!argv.empty()) {
        commands_.start(argv, name_);
    }
}

std::shared_ptr<OpenMailbox> User::open(const std::string& name) {
    std::string key = key_of(name);
    auto found = open_.find(key);
    if (found != open_.end()) {
        found->second->last_used = std::chrono::steady_clock::now();
        return found->second;
    }
    auto complete = tree_.prepare(name);
    if (!complete) {
        log_warning("{}", complete.error().message);  // opening will fail, and tell the client
    }
    auto made = std::make_shared<OpenMailbox>(name, tree_.open(name));
    made->box.load_index();
    open_.emplace(std::move(key), made);
    return made;
}

// The same for all names that one mailbox has.
std::string User::key_of(std::string_view name) const {
    auto where = tree_.locate(name);
    return where ? where->tree->root() + '\n' + where->name : std::string(name);
}

// Its name among the user's own mailboxes, without a prefix; nothing where it is not one.
std::optional<std::string> User::own_name(std::string_view name) const {
    auto where = tree_.locate(name);
    bool own = where && !where->name.empty() && where->tree->root() == tree_.own().root();
    return own ? std::optional(where->name) : std::nullopt;
}

Result<std::vector<std::string>> User::visible_mailboxes(
    const std::vector<std::string>& asked) const {
    auto names = tree_.list(asked, access_.sharing_users());
    return names ? Result<std::vector<std::string>>(access_.visible(std::move(*names)))
                 : std::move(names);
}

void User::forget(std::string_view name) {
    std::string key = key_of(name);
    std::string prefix = key + separator();
    std::erase_if(open_, [&](const auto& entry) {
        return entry.first == key || entry.first.starts_with(prefix);
    });
}

std::string_view User::special_use(std::string_view name) const {
    auto own = own_name(name);
    if (!own) {
        return "";
    }
    std::string_view given = given_uses_.find(*own);
    auto found = special_use_.find(*own);
    if (!given.empty() || found == special_use_.end() || given_uses_.is_given(found->second)) {
        return given;
    }
    return found->second;
}

// Changes the file of special uses, under its lock.
Task<Result<void>> User::change_uses(std::function<bool(SpecialUses&)> change) {
    auto lock = co_await MailboxLock::acquire(root() + "/" + std::string(SpecialUses::kFileName));
    if (!lock) {
        co_return fail_with(lock);
    }
    SpecialUses uses = SpecialUses::load(root(), tree_.own().disk_names());
    co_return change(uses) ? uses.save(root(), tree_.file_mode()) : Result<void>();
}

Task<Result<void>> User::set_special_uses(std::string name, std::string uses) {
    auto own = own_name(name);
    if (!own) {
        co_return Result<void>();
    }
    auto change = [&](SpecialUses& all) { return all.set(*own, uses); };
    co_return co_await change_uses(change);
}

Task<Result<void>> User::rename_special_uses(std::string from, std::string to) {
    auto source = own_name(from);
    auto target = own_name(to);
    if (!source || !target) {
        co_return Result<void>();
    }
    auto change = [&](SpecialUses& all) { return all.rename(*source, *target); };
    co_return co_await change_uses(change);
}

// A namespace with subscriptions of its own has them in its root, without its prefix.
Result<std::vector<std::string>> User::subscribed() const {
    std::vector<std::string> names;
    for (const NamespaceSettings& space : tree_.spaces()) {
        bool readable = space.subscriptions && space.type != NamespaceSettings::Type::kShared &&
                        (space.inbox || !space.location.empty());
        auto where =
            readable ? tree_.locate(space.inbox ? "INBOX" : space.prefix + "INBOX") : std::nullopt;
        if (!where) {
            continue;
        }
        auto list =
            Subscriptions::load(where->tree->subscriptions_path(), where->tree->disk_names());
        if (!list) {
            return fail_with(list);
        }
        for (const std::string& name : list->names()) {
            bool elsewhere = name == "INBOX" || (space.inbox && tree_.is_prefixed(name));
            names.push_back(elsewhere ? name : where->prefix + name);
        }
    }
    return names;
}

Task<Result<void>> User::change_subscription(std::string mailbox, Subscription what) {
    std::string path = tree_.own().subscriptions_path();
    DiskNames names = tree_.own().disk_names();
    auto in = Subscriptions::Namespace::kOther;
    if (auto where = tree_.locate(mailbox);
        where && where->space->subscriptions &&
        where->space->type != NamespaceSettings::Type::kShared) {
        path = where->tree->subscriptions_path();
        names = where->tree->disk_names();
        mailbox = where->name;
        in = Subscriptions::Namespace::kOwn;
    }
    auto lock = co_await MailboxLock::acquire(path);
    if (!lock) {
        co_return fail_with(lock);
    }
    auto list = Subscriptions::load(path, names);
    if (!list) {
        co_return fail_with(list);
    }
    bool changed = what == Subscription::kAdd ? list->add(mailbox, in) : list->remove(mailbox);
    if (!changed) {
        co_return Result<void>();
    }
    co_return list->save(path, tree_.file_mode());
}

Task<Result<void>> User::subscribe(std::string mailbox) {
    return change_subscription(std::move(mailbox), Subscription::kAdd);
}

Task<Result<void>> User::unsubscribe(std::string mailbox) {
    return change_subscription(std::move(mailbox), Subscription::kRemove);
}

Task<void> User::keep_house() {
    for (;;) {
        co_await sleep_for(kHousework);
        co_await release_unused();
    }
}

Task<void> User::release_unused() {
    std::vector<std::shared_ptr<OpenMailbox>> unused;
    SteadyTime now = std::chrono::steady_clock::now();
    for (auto& [name, entry] : open_) {
        if (entry.use_count() > 1) {
            entry->last_used = now;
        } else if (now - entry->last_used > kKeepUnused) {
            unused.push_back(entry);
        }
    }
    for (auto& entry : unused) {
        // The look that confirms the last changes, so that the quick-start file can be believed.
        auto synced = co_await entry->box.sync(MailboxAccess::kReadOnly);
        if (synced) {
            entry->box.save_index();
            entry->cache.compact(*entry->box.uids());
        }
        auto found = open_.find(key_of(entry->name));
        bool still_unused =
            found != open_.end() && found->second == entry && entry.use_count() == 2;
        if (still_unused) {
            open_.erase(found);
        }
    }
}

void User::save_all() {
    for (auto& [name, entry] : open_) {
        entry->box.save_index();
        entry->cache.flush();
    }
}

}  // namespace relais
