#include "lib/access/user.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/blocking.h"
#include "lib/sasl/user_variables.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/subscriptions.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kHousework{2};
constexpr std::chrono::seconds kKeepUnused{10};

std::map<std::string, std::string, std::less<>> parse_special_use(std::string_view text) {
    std::map<std::string, std::string, std::less<>> uses;
    for (std::string_view word : split_words(text, ", \t\r\n")) {
        auto parts = split_first(word, '=');
        if (!parts || !parts->second.starts_with('\\')) {
            log_warning("imap_special_use: \"{}\" is not NAME=\\Use", word);
            continue;
        }
        uses.emplace(parts->first, parts->second);
    }
    return uses;
}

}  // namespace

std::string mail_root(std::string_view location, const std::string& user, const std::string& home) {
    if (location.starts_with("maildir:")) {
        location.remove_prefix(8);
    }
    std::string path = expand_user_variables(location, user, home);
    path.resize(std::min(path.find(':'), path.size()));  // Dovecot's further settings
    if (path == "~" || path.starts_with("~/")) {
        path.replace(0, 1, home);
    } else if (!path.starts_with('/')) {
        path = home + "/" + path;
    }
    return path;
}

OpenMailbox::OpenMailbox(std::string mailbox_name, const MailboxPlace& place)
    : name(std::move(mailbox_name)), box(place), cache(place.directory, place.file_mode) {
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

User::User(std::string name, const std::string& home, std::string_view location,
           const std::vector<std::string>& quota_rules)
    : name_(std::move(name)),
      home_(home),
      tree_(mail_root(location, name_, home), conf().imap_hierarchy_separator().front(),
            conf().myhostname()),
      special_use_(parse_special_use(conf().imap_special_use())) {
    if (quota_settings().root_name.empty()) {
        return;
    }
    auto rules = quota_rules_of(quota_rules);
    if (!rules) {
        log_warning("user {}: {}", printable(name_), rules.error().message);
        rules = quota_rules_of({});
    }
    quota_.emplace(quota_settings(), rules ? std::move(*rules) : QuotaRules(), tree_.root(),
                   tree_.separator());
    tree_.set_counted([this](std::string_view folder) { return quota_->counts(folder); });
}

Task<Result<QuotaVerdict>> User::room_for(std::string folder, QuotaAmount more) {
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
    co_return quota->judge(*usage, folder, more, Grace::kNone);
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
    auto found = open_.find(name);
    if (found != open_.end()) {
        found->second->last_used = std::chrono::steady_clock::now();
        return found->second;
    }
    auto complete = tree_.prepare(name);
    if (!complete) {
        log_warning("{}", complete.error().message);  // opening will fail, and tell the client
    }
    auto made = std::make_shared<OpenMailbox>(name, tree_.place_of(name));
    made->box.load_index();
    open_.emplace(name, made);
    return made;
}

void User::forget(std::string_view name) {
    std::string prefix = std::string(name) + separator();
    std::erase_if(open_, [&](const auto& entry) {
        return entry.first == name || entry.first.starts_with(prefix);
    });
}

std::string_view User::special_use(std::string_view name) const {
    std::string_view given = given_uses_.find(name);
    auto found = special_use_.find(name);
    if (!given.empty() || found == special_use_.end() || given_uses_.is_given(found->second)) {
        return given;
    }
    return found->second;
}

Task<Result<void>> User::change_subscription(std::string mailbox, Subscription what) {
    auto lock = co_await MailboxLock::acquire(root() + "/" + std::string(Subscriptions::kFileName));
    if (!lock) {
        co_return fail_with(lock);
    }
    auto list = Subscriptions::load(root(), separator());
    if (!list) {
        co_return fail_with(list);
    }
    bool changed = what == Subscription::kAdd ? list->add(mailbox) : list->remove(mailbox);
    if (!changed) {
        co_return Result<void>();
    }
    co_return list->save(root(), tree_.file_mode());
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
        auto found = open_.find(entry->name);
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
