#include "lib/access/namespace_settings.h"

#include <algorithm>
#include <map>
#include <optional>

#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais {

namespace {

using Type = NamespaceSettings::Type;
using Listing = NamespaceSettings::Listing;

constexpr std::size_t kLongestUser = 255;

bool take_flag(std::string_view value, bool& flag) {
    auto parsed = parse_bool(value);
    flag = parsed.value_or(false);
    return parsed.has_value();
}

bool take_type(std::string_view value, Type& type) {
    const std::map<std::string_view, Type> types = {
        {"private", Type::kPrivate}, {"shared", Type::kShared}, {"public", Type::kPublic}};
    auto found = types.find(value);
    type = found == types.end() ? Type::kPrivate : found->second;
    return found != types.end();
}

bool take_listing(std::string_view value, Listing& listing) {
    auto flag = parse_bool(value);
    listing = value == "children" ? Listing::kChildren
              : flag && *flag     ? Listing::kYes
                                  : Listing::kNo;
    return flag || value == "children";
}

bool take_setting(std::string_view name, std::string_view value, NamespaceSettings& space) {
    if (name == "type") {
        return take_type(value, space.type);
    }
    if (name == "prefix" || name == "location") {
        (name == "prefix" ? space.prefix : space.location) = value;
        return true;
    }
    if (name == "list") {
        return take_listing(value, space.listing);
    }
    return (name == "inbox" && take_flag(value, space.inbox)) ||
           (name == "hidden" && take_flag(value, space.hidden)) ||
           (name == "subscriptions" && take_flag(value, space.subscriptions));
}

// "" where it can be.
std::string wrong_with(const NamespaceSettings& space, char separator) {
    bool variables = space.prefix.find('%') != std::string::npos;
    if (!space.prefix.empty() && space.prefix.back() != separator) {
        return "the prefix must end with the separator";
    }
    if (space.type == Type::kShared
            ? space.fixed_prefix().empty() ||
                  !match_shared_prefix(space.prefix, shared_prefix_of(space.prefix, "u@d"))
            : variables) {
        return "a shared namespace, and no other, has %%u or %%n in its prefix, and text before it";
    }
    if (space.type != Type::kPrivate && (space.inbox || space.location.empty())) {
        return "it needs a location, and the INBOX is elsewhere";
    }
    return "";
}

Result<NamespaceSettings> parse_one(std::string_view text, char separator) {
    auto fail_about = [text](const std::string& why) {
        return fail(Errc::kSyntax, "\"" + printable(text) + "\": " + why);
    };
    auto inside = strip_braces(text);
    if (!inside) {
        return fail_with(inside);
    }
    NamespaceSettings space;
    for (std::string_view word : split_words(*inside)) {
        auto parts = split_first(word, '=');
        if (!parts || !take_setting(parts->first, parts->second, space)) {
            return fail_about("\"" + printable(word) + "\" is not understood");
        }
    }
    std::string why = wrong_with(space, separator);
    return why.empty() ? Result<NamespaceSettings>(std::move(space)) : fail_about(why);
}

// A name that is one level of a path, whatever the path.
bool is_safe_user(std::string_view user) {
    return !user.empty() && user.size() <= kLongestUser && user.front() != '.' &&
           std::ranges::none_of(user, [](char c) {
               return c == '/' || static_cast<unsigned char>(c) < ' ' || c == '\x7f';
           });
}

// Which part of the owner's name a variable stands for; 0 for text.
char variable_at(std::string_view prefix, std::size_t at) {
    std::string_view here = prefix.substr(at);
    bool variable = here.size() >= 3 && here.starts_with("%%") &&
                    std::string_view("und").find(here[2]) != std::string_view::npos;
    return variable ? here[2] : '\0';
}

// The name that its parts make; "" where they do not make one.
std::string owner_of(const std::map<char, std::string>& parts) {
    auto part = [&parts](char which) {
        auto found = parts.find(which);
        return found == parts.end() ? std::string() : found->second;
    };
    if (parts.contains('u')) {
        return part('u');
    }
    bool named = !part('n').empty() && (!parts.contains('d') || !part('d').empty());
    return named && parts.contains('d') ? part('n') + "@" + part('d') : named ? part('n') : "";
}

}  // namespace

Result<std::vector<NamespaceSettings>> parse_namespaces(std::string_view text, char separator) {
    std::vector<NamespaceSettings> spaces;
    for (const std::string& item : split_list(text)) {
        auto space = parse_one(item, separator);
        if (!space) {
            return fail_with(space);
        }
        bool taken = std::ranges::any_of(spaces, [&](const NamespaceSettings& other) {
            return other.fixed_prefix() == space->fixed_prefix() || (other.inbox && space->inbox);
        });
        if (taken) {
            return fail(Errc::kSyntax,
                        "\"" + printable(item) + "\": the prefix, or the INBOX, is another's");
        }
        spaces.push_back(std::move(*space));
    }
    if (std::ranges::none_of(spaces, &NamespaceSettings::inbox)) {
        NamespaceSettings own;
        own.inbox = true;
        auto bare = std::ranges::find(spaces, "", &NamespaceSettings::prefix);
        if (bare != spaces.end()) {
            return fail(Errc::kSyntax, "the namespace without a prefix needs inbox=yes");
        }
        spaces.insert(spaces.begin(), std::move(own));
    }
    return spaces;
}

Result<SharedName> match_shared_prefix(std::string_view prefix, std::string_view name) {
    auto unfit = [] { return fail(Errc::kNotFound, "not in this namespace"); };
    std::map<char, std::string> parts;
    std::size_t at = 0;
    for (std::size_t i = 0; i < prefix.size();) {
        char variable = variable_at(prefix, i);
        if (variable == '\0') {
            if (at >= name.size() || name[at] != prefix[i]) {
                return unfit();
            }
            ++at;
            ++i;
            continue;
        }
        i += 3;
        char behind = i < prefix.size() ? prefix[i] : '\0';
        std::size_t end = std::min(name.find(behind, at), name.size());
        parts[variable] = name.substr(at, end - at);
        at = end;
    }
    std::string owner = owner_of(parts);
    if (!is_safe_user(owner)) {
        return unfit();
    }
    return SharedName{std::move(owner), std::string(name.substr(at))};
}

std::string shared_prefix_of(std::string_view prefix, std::string_view owner) {
    std::size_t host = std::min(owner.find('@'), owner.size());
    std::string text;
    for (std::size_t i = 0; i < prefix.size();) {
        char variable = variable_at(prefix, i);
        if (variable == '\0') {
            text += prefix[i++];
            continue;
        }
        text += variable == 'u'   ? owner
                : variable == 'n' ? owner.substr(0, host)
                                  : owner.substr(std::min(host + 1, owner.size()));
        i += 3;
    }
    return text;
}

}  // namespace relais
