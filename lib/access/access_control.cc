#include "lib/access/access_control.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/store/dict_file.h"

namespace relais {

namespace {

using Kind = AclIdentifier::Kind;

constexpr std::string_view kSharedBoxes = "shared/shared-boxes/";
constexpr std::size_t kMostOwners = 10000;
constexpr AclRights kLookup = AclRights::of("l");

// "user/bob", "group/sales", "anyone": whom an entry lets see a mailbox; "" for nobody else.
std::string whom_it_shows(const AclEntry& entry) {
    if (!entry.rights || !entry.rights->has(kLookup)) {
        return "";
    }
    switch (entry.identifier.kind) {
        case Kind::kUser:
            return "user/" + entry.identifier.name;
        case Kind::kGroup:
        case Kind::kGroupOverride:
            return "group/" + entry.identifier.name;
        case Kind::kAnyone:
        case Kind::kAuthenticated:
            return "anyone";
        case Kind::kOwner:
            break;
    }
    return "";
}

// Those of the directory: whoever may make files in it may read and change this one.
unsigned mode_beside(const std::string& path) {
    struct stat status;
    std::string directory = parent_directory(path);
    return ::stat(directory.c_str(), &status) == 0 ? status.st_mode & 0666 : 0600;
}

}  // namespace

Result<AclSettings> AclSettings::from_configuration() {
    AclSettings settings;
    std::string_view text = trim(conf().imap_acl());
    settings.on = !text.empty();
    settings.defaults_from_inbox = conf().imap_acl_defaults_from_inbox();
    if (settings.on && text != "vfile" && !text.starts_with("vfile:")) {
        return fail(Errc::kSyntax, "imap_acl: must be vfile or vfile:PATH");
    }
    if (text.starts_with("vfile:")) {
        auto fields = split_fields(text, ':');
        settings.global = fields[1];  // behind it comes Dovecot's cache_secs
        if (!settings.global.empty() && !settings.global.starts_with('/')) {
            return fail(Errc::kSyntax, "imap_acl: the path must begin with a slash");
        }
    }
    std::string_view dict = trim(conf().imap_acl_shared_dict());
    settings.shared_dict = dict.starts_with("file:") ? dict.substr(5) : dict;
    if (!settings.shared_dict.empty() && !settings.shared_dict.starts_with('/')) {
        return fail(Errc::kSyntax, "imap_acl_shared_dict: must be file:/PATH");
    }
    return settings;
}

AccessControl::AccessControl(AclSettings settings, AclSubject user, Namespaces& spaces)
    : settings_(std::move(settings)),
      user_(std::move(user)),
      spaces_(spaces),
      files_(settings_.global) {
}

AclSubject AccessControl::subject_on(const MailboxLocation& where) const {
    AclSubject subject = user_;
    subject.owner = !where.owner.empty() && where.owner == user_.user;
    return subject;
}

Result<AclList> AccessControl::load(const MailboxLocation& where, const std::string& name) const {
    bool there = !name.empty() && where.tree->exists(name);
    std::string directory = there ? where.tree->place_of(name).lists_directory() : "";
    bool inbox = name == "INBOX" && where.own();
    return files_.load(directory, inbox ? name : where.prefix + name);
}

AclRights AccessControl::judge(const MailboxLocation& where, const Result<AclList>& list) const {
    if (!list) {
        log_warning("{}", list.error().message);
        return {};
    }
    return list->rights_of(subject_on(where), default_rights(where));
}

AclRights AccessControl::default_rights(const MailboxLocation& where) const {
    bool owner = subject_on(where).owner;
    AclRights plain = owner ? AclRights::all() : AclRights();
    if (!settings_.defaults_from_inbox || where.owner.empty()) {
        return plain;
    }
    auto inbox = load(where, "INBOX");
    return inbox ? inbox->rights_of(subject_on(where), plain) : AclRights();
}

AclRights AccessControl::default_rights(std::string_view name) const {
    auto where = spaces_.locate(name);
    return where ? default_rights(*where) : AclRights();
}

Result<AclList> AccessControl::list_of(std::string_view name) const {
    auto where = spaces_.locate(name);
    return where && !where->name.empty() ? load(*where, where->name)
                                         : fail(Errc::kNotFound, "no such mailbox");
}

AclRights AccessControl::rights_on(std::string_view name) const {
    auto where = spaces_.locate(name);
    if (!where || where->name.empty() || !where->tree->invalid_because(where->name).empty()) {
        return {};
    }
    if (!on()) {
        return AclRights::all();
    }
    return judge(*where, load(*where, where->name));
}

// The first that exists, or that the administrator's file knows; "" for the namespace.
std::string AccessControl::nearest_above(const MailboxLocation& where) const {
    std::string above = where.name;
    for (;;) {
        std::size_t at = above.rfind(spaces_.separator());
        if (at == std::string::npos || at == 0) {
            return "";
        }
        above.resize(at);
        auto list = where.tree->exists(above) ? Result<AclList>() : load(where, above);
        if (where.tree->exists(above) || !list || !list->empty()) {
            return above;
        }
    }
}

AclRights AccessControl::rights_above(std::string_view name) const {
    if (!on()) {
        return AclRights::all();
    }
    auto where = spaces_.locate(name);
    if (!where || where->name.empty()) {
        return {};
    }
    return judge(*where, load(*where, nearest_above(*where)));
}

Task<Result<void>> AccessControl::change(std::string name,
                                         std::function<bool(AclList&)> change) const {
    auto where = spaces_.locate(name);
    if (!where || where->name.empty() || !where->tree->exists(where->name)) {
        co_return fail(Errc::kNotFound, "no such mailbox");
    }
    MailboxPlace place = where->tree->place_of(where->name);
    auto changed = co_await AclFiles::change(place.lists_directory(), where->tree->files_root(),
                                             place.file_mode, std::move(change));
    co_return changed ? co_await note_sharing(std::move(*where)) : std::move(changed);
}

Task<Result<void>> AccessControl::inherit(std::string name) const {
    auto where = on() ? spaces_.locate(name) : std::nullopt;
    std::string above = where ? nearest_above(*where) : "";
    if (above.empty() && where && settings_.defaults_from_inbox && !where->owner.empty()) {
        above = "INBOX";  // as Dovecot has it: mailboxes that were there before have no list
    }
    if (above.empty()) {
        co_return Result<void>();
    }
    auto list = load(*where, above);
    if (!list) {
        co_return fail_with(list);
    }
    AclList own = *list;
    auto copy = [&own](AclList& mine) {
        bool any = false;
        for (const AclEntry& entry : own.entries()) {
            if (!entry.global) {
                mine.set(entry);
                any = true;
            }
        }
        return any;
    };
    co_return co_await change(std::move(name), copy);
}

std::vector<std::string> AccessControl::sharing_keys(const MailboxLocation& where) const {
    std::vector<std::string> keys;
    auto names = where.tree->list_readable();
    for (const std::string& name : names ? *names : std::vector<std::string>()) {
        auto list = load(where, name);
        for (const AclEntry& entry : list ? list->entries() : std::vector<AclEntry>()) {
            std::string whom = whom_it_shows(entry);
            if (!whom.empty() && whom != "user/" + where.owner) {
                keys.push_back(std::string(kSharedBoxes) + whom + "/" + where.owner);
            }
        }
    }
    std::ranges::sort(keys);
    return keys;
}

Task<Result<void>> AccessControl::note_sharing(MailboxLocation where) const {
    if (!on() || settings_.shared_dict.empty() || where.owner.empty()) {
        co_return Result<void>();
    }
    auto rewrite = [this, &where](DictFile& dict) {
        auto keys = sharing_keys(where);
        bool changed = false;
        for (const std::string& old : dict.keys_below(kSharedBoxes)) {
            bool his = old.ends_with("/" + where.owner);
            if (his && !std::ranges::binary_search(keys, old)) {
                changed |= dict.remove(old);
            }
        }
        for (std::string& key : keys) {
            changed |= dict.set(std::move(key), "1");
        }
        return changed;
    };
    co_return co_await DictFile::change(settings_.shared_dict, mode_beside(settings_.shared_dict),
                                        rewrite);
}

std::vector<std::string> AccessControl::sharing_users() const {
    std::vector<std::string> owners;
    auto dict = on() && !settings_.shared_dict.empty() ? DictFile::load(settings_.shared_dict)
                                                       : Result<DictFile>();
    if (!dict) {
        log_warning("{}", dict.error().message);
        return owners;
    }
    std::vector<std::string> groups = {"anyone/", "user/" + user_.user + "/"};
    for (const std::string& group : user_.groups) {
        groups.push_back("group/" + group + "/");
    }
    for (const std::string& group : groups) {
        std::string prefix = std::string(kSharedBoxes) + group;
        for (const std::string& key : dict->keys_below(prefix)) {
            std::string owner = key.substr(prefix.size());
            bool another = owner != user_.user && owner.find('/') == std::string::npos;
            if (another && owners.size() < kMostOwners) {
                owners.push_back(std::move(owner));
            }
        }
    }
    std::ranges::sort(owners);
    auto again = std::ranges::unique(owners);
    owners.erase(again.begin(), again.end());
    return owners;
}

std::vector<std::string> AccessControl::visible(std::vector<std::string> names) const {
    if (on()) {
        std::erase_if(names,
                      [this](const std::string& name) { return !rights_on(name).has(kLookup); });
    }
    return names;
}

}  // namespace relais
