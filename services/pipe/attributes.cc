#include "services/pipe/attributes.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/expand.h"
#include "lib/daemon/command_user.h"
#include "lib/daemon/privileges.h"

namespace relais::pipe_agent {

namespace {

// The letters in the order of the bits of Flag.
constexpr std::string_view kFlagOrder = "BDFORXhqu.>";

Result<unsigned> parse_flags(std::string_view letters) {
    unsigned flags = 0;
    for (const char letter : letters) {
        const auto at = kFlagOrder.find(letter);
        if (at == std::string_view::npos) {
            return fail(Errc::kSyntax, std::string("unknown flag: ") + letter + " (ignored)");
        }
        flags |= 1U << at;
    }
    return flags;
}

Result<std::optional<FileOwner>> parse_user(std::string_view text) {
    const std::string words = "user= command-line attribute specifies ";
    const auto found = find_command_user(text);
    switch (found.objection) {
        case UserObjection::kUnknownUser:
            return fail(Errc::kNotFound, "get_service_attr: unknown username: " + found.user);
        case UserObjection::kUnknownGroup:
            return fail(Errc::kNotFound, "get_service_attr: unknown group: " + found.group);
        case UserObjection::kRoot:
            return fail(Errc::kDenied, words + "root privileges");
        case UserObjection::kMailOwner:
            return fail(Errc::kDenied, words + "mail system owner " + conf().mail_owner());
        case UserObjection::kRootGroup:
            return fail(Errc::kDenied, words + "privileged group id 0");
        case UserObjection::kMailOwnerGroup:
            return fail(Errc::kDenied, format("{}mail system owner {} group id {}", words,
                                              conf().mail_owner(), found.ids.gid));
        case UserObjection::kSetgidGroup:
            return fail(Errc::kDenied, format("{}mail system {} group id {}", words,
                                              conf().setgid_group(), found.ids.gid));
        case UserObjection::kNone:
            break;
    }
    return can_change_identity() ? std::optional(found.ids) : std::nullopt;
}

Result<std::int64_t> parse_size(std::string_view text) {
    const auto size = parse_int(text);
    if (!size || *size < 0) {
        return fail(Errc::kSyntax, format("get_service_attr: bad size= value: {}", text));
    }
    return *size;
}

// The value of NAME=value where the word is one; names are in any case.
std::optional<std::string_view> value_of(std::string_view word, std::string_view name) {
    const bool is = istarts_with(word, name) && word.substr(name.size()).starts_with('=');
    return is ? std::optional(word.substr(name.size() + 1)) : std::nullopt;
}

// flags=, user= and size=.  False: the word is none of them.
Result<bool> take_parsed(std::string_view word, PipeAttributes& out, std::string& user) {
    if (const auto letters = value_of(word, "flags")) {
        const auto flags = parse_flags(*letters);
        if (!flags) {
            return fail_with(flags);
        }
        out.flags |= *flags;
        return true;
    }
    if (const auto text = value_of(word, "size")) {
        const auto size = parse_size(*text);
        if (!size) {
            return fail_with(size);
        }
        out.size_limit = *size;
        return true;
    }
    if (const auto name = value_of(word, "user")) {
        const auto owner = parse_user(*name);
        if (!owner) {
            return fail_with(owner);
        }
        out.user = *owner;
        user = *name;
        return true;
    }
    return false;
}

// The attributes that are taken as they stand.
bool take_text(std::string_view word, PipeAttributes& out) {
    if (const auto text = value_of(word, "directory")) {
        out.directory = *text;
    } else if (const auto root = value_of(word, "chroot")) {
        out.root = *root;
    } else if (const auto eol = value_of(word, "eol")) {
        out.end_of_line = unescape(*eol);
    } else if (const auto sender = value_of(word, "null_sender")) {
        out.null_sender = *sender;
    } else {
        return false;
    }
    return true;
}

}  // namespace

Result<PipeAttributes> parse_attributes(const std::vector<std::string>& words) {
    PipeAttributes out;
    std::string user;
    for (auto word = words.begin(); word != words.end(); ++word) {
        if (const auto program = value_of(*word, "argv")) {
            out.command.emplace_back(*program);
            out.command.insert(out.command.end(), word + 1, words.end());
            break;
        }
        const auto taken = take_parsed(*word, out, user);
        if (!taken) {
            return fail_with(taken);
        }
        if (!*taken && !take_text(*word, out)) {
            return fail(Errc::kSyntax, "unknown attribute name: " + *word);
        }
    }
    if (user.empty()) {
        return fail(Errc::kSyntax, "missing user= command-line attribute");
    }
    if (out.command.empty()) {
        return fail(Errc::kSyntax, "missing argv= command-line attribute");
    }
    return out;
}

}  // namespace relais::pipe_agent
