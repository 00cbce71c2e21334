#include "lib/store/mail_location.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/file_kind.h"

namespace relais {

namespace {

std::string full_path(std::string_view path, std::string_view home) {
    if (path == "~" || path.starts_with("~/")) {
        return std::string(home) + std::string(path.substr(1));
    }
    return path.starts_with('/') ? std::string(path) : std::string(home) + "/" + std::string(path);
}

// The parts between colons, of which two that follow each other are one.
std::vector<std::string> split_location(std::string_view text) {
    std::vector<std::string> parts(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != ':') {
            parts.back() += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == ':') {
            parts.back() += text[++i];
        } else {
            parts.emplace_back();
        }
    }
    return parts;
}

std::optional<MailFormat> format_of(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, MailFormat>, 5> kFormats = {
        {{"maildir", MailFormat::kMaildir},
         {"mbox", MailFormat::kMbox},
         {"sdbox", MailFormat::kSdbox},
         {"dbox", MailFormat::kSdbox},
         {"mdbox", MailFormat::kMdbox}}};
    for (const auto& [name, format] : kFormats) {
        if (word == name) {
            return format;
        }
    }
    return std::nullopt;
}

// What the format alone decides.
MailLocation location_of(MailFormat format, std::string root) {
    MailLocation location = MailLocation::maildir(std::move(root));
    location.format = format;
    if (format != MailFormat::kMaildir) {
        location.layout = FolderLayout::kDirectories;
    }
    if (format == MailFormat::kMbox) {
        location.subscriptions = ".subscriptions";
    } else if (format != MailFormat::kMaildir) {
        location.mailboxes = "mailboxes";
        location.leaf = "dbox-Mails";
    }
    return location;
}

Result<void> set_layout(MailLocation& location, std::string_view word) {
    if (iequals(word, "fs")) {
        location.layout = FolderLayout::kDirectories;
    } else if (iequals(word, "maildir++")) {
        location.layout = FolderLayout::kMaildirPlusPlus;
    } else {
        return fail(Errc::kSyntax,
                    format("LAYOUT={} is not known here: fs and Maildir++ are", printable(word)));
    }
    return {};
}

Result<void> take_setting(MailLocation& location, std::string_view setting, std::string_view home) {
    auto equals = setting.find('=');
    std::string_view key = setting.substr(0, equals);
    std::string_view value =
        equals == std::string_view::npos ? std::string_view() : setting.substr(equals + 1);

    struct Place {
        std::string_view key;
        std::string MailLocation::* member;
        bool is_path;
    };

    constexpr std::array<Place, 8> kPlaces = {
        {{"INDEX", &MailLocation::index, true},
         {"INDEXPVT", &MailLocation::own_flags, true},
         {"CONTROL", &MailLocation::control, true},
         {"INBOX", &MailLocation::inbox, true},
         {"ALT", &MailLocation::alternative, true},
         {"SUBSCRIPTIONS", &MailLocation::subscriptions, false},
         {"MAILBOXDIR", &MailLocation::mailboxes, false},
         {"DIRNAME", &MailLocation::leaf, false}}};
    // Places of indexes and locks that we make elsewhere or not at all.  Directories that are no
    // mailboxes and have none below them are never shown (NO-NOSELECT).
    constexpr std::array<std::string_view, 6> kWithoutEffect = {
        "VOLATILEDIR", "INDEXCACHE",  "ITERINDEX",
        "LISTINDEX",   "NO-NOSELECT", "NO-FILESYSTEM-VNAME"};
    for (const Place& place : kPlaces) {
        if (key == place.key && !value.empty()) {
            location.*place.member =
                place.is_path && value != "MEMORY" ? full_path(value, home) : std::string(value);
            return {};
        }
    }
    if (key == "LAYOUT") {
        return set_layout(location, value);
    }
    if (key == "UTF-8") {
        location.names = NameEncoding::kUtf8;
        return {};
    }
    for (std::string_view known : kWithoutEffect) {
        if (key == known) {
            return {};
        }
    }
    return fail(Errc::kSyntax, format("Unknown setting: {}", printable(key)));
}

std::string system_inbox(std::string_view user) {
    std::string name(user);
    // A name is no way out of the directory.
    return name.empty() || name.front() == '.' || name.contains('/') ? "" : "/var/mail/" + name;
}

Result<MailLocation> detect(std::string_view user, std::string_view home) {
    const std::string here = full_path("", home);
    if (is_directory(here + "Maildir/cur")) {
        return location_of(MailFormat::kMaildir, here + "Maildir");
    }
    if (is_directory(here + "mdbox/storage")) {
        return location_of(MailFormat::kMdbox, here + "mdbox");
    }
    if (is_directory(here + "sdbox/mailboxes")) {
        return location_of(MailFormat::kSdbox, here + "sdbox");
    }
    const std::string inbox = system_inbox(user);
    for (const char* directory : {"mail", "Mail"}) {
        const std::string root = here + directory;
        if (is_directory(root + "/.imap") || is_file(root + "/inbox") || is_file(root + "/mbox") ||
            (is_directory(root) && is_file(inbox))) {
            MailLocation location = location_of(MailFormat::kMbox, root);
            location.inbox = is_file(inbox) ? inbox : "";
            return location;
        }
    }
    if (is_file(inbox)) {
        MailLocation location = location_of(MailFormat::kMbox, here + "mail");
        location.inbox = inbox;
        return location;
    }
    return fail(Errc::kNotFound, "Mail storage autodetection failed with home=" + printable(home));
}

// Without "." and ".." and double slashes, and one at the end.
std::string clean_path(const std::string& path) {
    std::string clean = std::filesystem::path(path).lexically_normal();
    if (clean.size() > 1 && clean.ends_with('/')) {
        clean.pop_back();
    }
    return clean;
}

// The way to a path from a directory around it; empty where that is not around it.
std::string way_from(const std::string& directory, const std::string& path) {
    const std::string start = directory.ends_with('/') ? directory : directory + "/";
    return path.starts_with(start) ? path.substr(start.size()) : "";
}

// A Maildir's lists are where the mailbox's name leads from `where`: that may not be the directory
// of another one, or one around it.  Names lead to directories that begin with a dot, or to any.
Result<void> check_apart(const MailLocation& location, std::string_view key,
                         const std::string& where) {
    const std::string root = clean_path(location.root);
    const std::string lists = clean_path(where);
    if (where.empty() || lists == root || location.format != MailFormat::kMaildir) {
        return {};
    }
    const bool any = location.layout == FolderLayout::kDirectories;
    bool clash = any && !way_from(root, lists).empty();
    for (const std::string& mail : {root, clean_path(location.inbox)}) {
        const std::string way = way_from(lists, mail);
        clash = clash || (!way.empty() && (any || way.front() == '.'));
    }
    return clash ? fail(Errc::kSyntax, format("{}={}: names of mailboxes would lead from there "
                                              "to the mail of others",
                                              key, printable(where)))
                 : Result<void>();
}

}  // namespace

MailLocation MailLocation::maildir(std::string root) {
    MailLocation location;
    location.root = std::move(root);
    return location;
}

Result<MailLocation> parse_mail_location(std::string_view text, std::string_view user,
                                         std::string_view home) {
    std::vector<std::string> parts = split_location(trim(text));
    const bool bare = parts.front().starts_with('/') || parts.front().starts_with('~') ||
                      (parts.size() == 1 && !format_of(parts.front()));
    if (text.empty() || (parts.front() == "auto" && parts.size() == 1)) {
        return detect(user, home);
    }
    std::optional<MailFormat> format = bare ? MailFormat::kMaildir : format_of(parts.front());
    if (!format) {
        return fail(Errc::kSyntax, "Unknown mail storage driver " + printable(parts.front()));
    }
    std::size_t at = bare ? 0 : 1;
    std::string root = at < parts.size() ? parts[at] : "";
    if (root.empty()) {
        return fail(Errc::kSyntax, "Root mail directory not given");
    }
    MailLocation location = location_of(*format, full_path(root, home));
    for (++at; at < parts.size(); ++at) {
        auto taken = parts[at].empty() ? Result<void>() : take_setting(location, parts[at], home);
        if (!taken) {
            return fail_with(taken);
        }
    }
    location.index_in_memory = location.index == "MEMORY";
    location.index = location.index_in_memory ? "" : location.index;
    location.own_flags = location.own_flags == "MEMORY" ? "" : location.own_flags;
    if (location.subscriptions.contains('/') || location.leaf.contains('/')) {
        return fail(Errc::kSyntax, "SUBSCRIPTIONS and DIRNAME are names without a \"/\"");
    }
    if (location.format == MailFormat::kMaildir &&
        !(location.leaf.empty() && location.mailboxes.empty())) {
        return fail(Errc::kSyntax, "DIRNAME= and MAILBOXDIR= are not known here for Maildir");
    }
    auto apart = check_apart(location, "CONTROL", location.control);
    apart = apart ? check_apart(location, "INDEX", location.index) : apart;
    apart = apart ? check_apart(location, "INDEXPVT", location.own_flags) : apart;
    return apart ? Result<MailLocation>(std::move(location)) : fail_with(apart);
}

}  // namespace relais
