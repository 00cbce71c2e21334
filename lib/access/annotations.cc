#include "lib/access/annotations.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/user_variables.h"
#include "lib/store/dict_file.h"

namespace relais {

namespace {

constexpr std::string_view kServer = "vendor/vendor.dovecot/pvt/server/";
// What Dovecot keeps beside clients' entries, for itself.
constexpr std::string_view kInternal = "vendor/vendor.dovecot/pvt/";

std::string prefix_of(const AnnotationScope& scope) {
    std::string prefix = (scope.shared ? "shared/" : "priv/") + scope.guid + "/";
    return scope.mailbox.empty() ? prefix + std::string(kServer) : prefix;
}

// The rest of a key that a client may see; "" for none.
std::string_view entry_in(std::string_view key, const std::string& prefix, bool server) {
    std::string_view entry = key.substr(prefix.size());
    return !server && entry.starts_with(kInternal) ? "" : entry;
}

}  // namespace

Annotations::Annotations(std::string user, std::string home, const Namespaces& spaces)
    : user_(std::move(user)), home_(std::move(home)), spaces_(spaces) {
}

bool Annotations::on() {
    return !conf().imap_metadata_file().empty();
}

std::vector<std::string> Annotations::files() const {
    std::vector<std::string> paths = {place_of({}).path};
    for (const NamespaceSettings& space : spaces_.spaces()) {
        if (space.type == NamespaceSettings::Type::kShared) {
            continue;
        }
        const std::string name = space.inbox ? "INBOX" : space.prefix + "x";  // anyone in it
        std::string path = place_of({name, "", true}).path;
        if (std::ranges::find(paths, path) == paths.end()) {
            paths.push_back(std::move(path));
        }
    }
    return paths;
}

std::string Annotations::key_of(const AnnotationScope& scope, std::string_view entry) {
    return prefix_of(scope) + std::string(entry);
}

std::optional<AnnotationKey> Annotations::parse_key(std::string_view key) {
    auto kind = split_first(key, '/');
    auto rest = kind ? split_first(kind->second, '/') : std::nullopt;
    if (!rest || (kind->first != "priv" && kind->first != "shared")) {
        return std::nullopt;
    }
    AnnotationKey parsed;
    parsed.guid = rest->first;
    parsed.shared = kind->first == "shared";
    parsed.server = rest->second.starts_with(kServer);
    const std::size_t skipped = key.size() - rest->second.size();
    const std::string prefix(key.substr(0, skipped + (parsed.server ? kServer.size() : 0)));
    parsed.entry = entry_in(key, prefix, parsed.server);
    return parsed.entry.empty() ? std::nullopt : std::optional(std::move(parsed));
}

// What is for all lies with the mailbox, and what is for the user alone with his own mail.
Annotations::Place Annotations::place_of(const AnnotationScope& scope) const {
    auto where = scope.shared && !scope.mailbox.empty() ? spaces_.locate(scope.mailbox)
                                                        : spaces_.locate("INBOX");
    std::string text = conf().imap_metadata_file();
    if (text.starts_with("file:")) {
        text.erase(0, 5);
    }
    bool absolute = text.starts_with('/') || text.starts_with('~') || text.starts_with('%');
    const std::string& owner = where && !where->owner.empty() ? where->owner : user_;
    std::string home =
        owner == user_ ? home_ : expand_user_variables(conf().auth_default_home(), owner);
    std::string root = where ? where->tree->files_root() : spaces_.files_root();
    return {absolute ? mail_location_of(text, owner, home).value_or(MailLocation()).root
                     : root + "/" + text,
            where ? where->tree->file_mode() : spaces_.file_mode()};
}

Result<std::map<std::string, std::string>> Annotations::load(const AnnotationScope& scope) const {
    auto dict = DictFile::load(place_of(scope).path);
    if (!dict) {
        return fail_with(dict);
    }
    std::string prefix = prefix_of(scope);
    std::map<std::string, std::string> entries;
    for (const std::string& key : dict->keys_below(prefix)) {
        std::string_view entry = entry_in(key, prefix, scope.mailbox.empty());
        if (!entry.empty()) {
            entries.emplace(entry, *dict->find(key));
        }
    }
    return entries;
}

Task<Result<void>> Annotations::store(AnnotationScope scope,
                                      std::vector<Annotation> changes) const {
    std::string prefix = prefix_of(scope);
    bool too_many = false;
    auto change = [&](DictFile& dict) {
        bool changed = false;
        for (Annotation& each : changes) {
            std::string key = prefix + each.entry;
            changed |=
                each.value ? dict.set(std::move(key), std::move(*each.value)) : dict.remove(key);
        }
        too_many = dict.keys_below(prefix).size() > kMost;
        return changed && !too_many;
    };
    Place place = place_of(scope);
    auto stored = co_await DictFile::change(place.path, place.mode, change);
    if (stored && too_many) {
        co_return fail(Errc::kTooLarge, "too many annotations");
    }
    co_return stored;
}

}  // namespace relais
