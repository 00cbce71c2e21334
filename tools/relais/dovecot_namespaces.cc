#include "tools/relais/dovecot_namespaces.h"

#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/mail_location.h"

#include "tools/relais/dovecot_location.h"

namespace relais {

namespace {

struct Replaced {
    std::string_view theirs;
    std::string_view ours;
};

// 2.4 has long names for the owner of a shared mailbox, and "$user" in prefixes.
constexpr std::array<Replaced, 8> kLong = {{{"%{owner_user}", "%%u"},
                                            {"%{owner_username}", "%%n"},
                                            {"%{owner_domain}", "%%d"},
                                            {"%{owner_home}", "%%h"},
                                            {"$user", "%%u"},
                                            {"$username", "%%n"},
                                            {"$domain", "%%d"},
                                            {"%{user}", "%u"}}};

std::string short_names(std::string text) {
    for (const Replaced& each : kLong) {
        for (std::size_t at = 0; (at = text.find(each.theirs, at)) != std::string::npos;) {
            text.replace(at, each.theirs.size(), each.ours);
        }
    }
    return text;
}

void take_location(const DovecotSetting& setting, std::string& group,
                   const DovecotNamespaces::Leave& leave) {
    const std::string location = short_names(setting.value);
    auto parsed = parse_mail_location(location, "user", "/home/user");
    if (!parsed) {
        leave(setting, parsed.error().message);
    } else if (parsed->format != MailFormat::kMaildir && parsed->format != MailFormat::kMbox) {
        leave(setting, "mailboxes are Maildirs or mbox files");
    } else {
        if (parsed->format == MailFormat::kMbox && !parsed->own_flags.empty()) {
            leave(setting, "in mbox files everybody sees the same flags, without INDEXPVT=");
        }
        group += " location=" + location;
    }
}

constexpr std::array<Replaced, 2> kRenamed = {
    {{"acl_shared_dict", "imap_acl_shared_dict"},
     {"acl_defaults_from_inbox", "imap_acl_defaults_from_inbox"}}};

}  // namespace

std::optional<ImportedSetting> import_sharing(const DovecotSetting& setting) {
    const std::string& name = setting.name;
    if (name == "acl") {
        return ImportedSetting{"imap_acl", setting.value};
    }
    if (name == "acl_driver") {
        return ImportedSetting{"imap_acl", "vfile"};
    }
    if (name == "acl_global_path") {
        return ImportedSetting{"imap_acl", "vfile:" + setting.value};
    }
    if (name == "acl_anyone") {
        return ImportedSetting{"imap_acl_anyone_allow", setting.value == "allow" ? "yes" : "no"};
    }
    if (name == "mail_attribute_dict" || name == "acl_shared_dict") {
        if (!setting.value.starts_with("file:")) {
            return ImportedSetting{"", "dictionaries are files: file:PATH"};
        }
        return name == "acl_shared_dict"
                   ? ImportedSetting{"imap_acl_shared_dict", setting.value}
                   : ImportedSetting{"imap_metadata_file", short_names(setting.value.substr(5))};
    }
    const auto* renamed = std::ranges::find(kRenamed, name, &Replaced::theirs);
    return renamed == kRenamed.end()
               ? std::nullopt
               : std::optional(ImportedSetting{std::string(renamed->ours), setting.value});
}

void DovecotNamespaces::take(const DovecotSection& section, const Leave& leave) {
    if (section.get("disabled") == "yes") {
        return;
    }
    std::string type(section.get("type"));
    std::string group = "type=" + (type.empty() ? "private" : type);
    special_ |= !section.get("prefix").empty() || (!type.empty() && type != "private");
    DovecotLocation location;
    for (const DovecotSetting& setting : section.settings) {
        const std::string& name = setting.name;
        bool flag =
            name == "inbox" || name == "hidden" || name == "list" || name == "subscriptions";
        if (flag && !setting.value.empty()) {
            group += " " + name + "=" + setting.value;
        } else if (name == "prefix" && !setting.value.empty()) {
            group += " prefix=" + short_names(setting.value);
        } else if (name == "location" && !setting.value.empty()) {
            take_location(setting, group, leave);
            special_ = true;
        } else {
            location.take(setting);
        }
    }
    if (auto whole = location.whole()) {
        take_location(*whole, group, leave);
        special_ = true;
    }
    groups_.push_back("{ " + group + " }");
}

std::string DovecotNamespaces::text() const {
    return special_ ? join(groups_, ", ") : "";
}

}  // namespace relais
