#include "local/address.h"

#include <array>

#include <pwd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"

namespace relais::local_agent {

void split_recipient(Address& address) {
    AddressParts parts = split_address(address.recipient.address);
    address.local = lowercase(parts.local);
    address.domain = parts.has_domain ? "@" + std::string(parts.domain) : "";
    address.user = address.local;
    address.extension.clear();
    const std::string& delimiters = conf().recipient_delimiter();
    auto at = find_extension(address.local, delimiters, conf().double_bounce_sender());
    if (!at) {
        return;
    }
    address.extension = address.local.substr(*at + 1);
    address.user = address.local.substr(0, *at);
    if (address.extension.find('/') != std::string::npos) {
        log_warning("{}: address with illegal extension: {}", address.recipient.address,
                    address.extension);
        address.extension.clear();
    }
}

namespace {

// The end of the place that starts at `at`: the next comma or newline outside quotes and comments.
std::size_t end_of_place(std::string_view text, std::size_t at) {
    bool quoted = false;
    int comment = 0;
    for (; at < text.size(); ++at) {
        char c = text[at];
        if (c == '\\') {
            ++at;
        } else if (c == '"' && comment == 0) {
            quoted = !quoted;
        } else if (c == '(' && !quoted) {
            ++comment;
        } else if (c == ')' && !quoted && comment > 0) {
            --comment;
        } else if ((c == ',' || c == '\n') && !quoted && comment == 0) {
            break;
        }
    }
    return std::min(at, text.size());
}

// The text between the quotes of a place that is quoted as a whole.
std::optional<std::string> whole_quoted(std::string_view text) {
    if (text.size() < 2 || !text.starts_with('"') || !text.ends_with('"')) {
        return std::nullopt;
    }
    std::string out;
    text = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
        }
        out += text[i];
    }
    return out;
}

bool add_special(std::string_view text, std::vector<Place>& out) {
    constexpr std::string_view kInclude = ":include:";
    if (text.starts_with('|')) {
        out.push_back({Place::Kind::kCommand, std::string(trim(text.substr(1)))});
    } else if (text.starts_with('/')) {
        out.push_back({Place::Kind::kFile, std::string(text)});
    } else if (istarts_with(text, kInclude)) {
        out.push_back({Place::Kind::kInclude, std::string(trim(text.substr(kInclude.size())))});
    } else {
        return false;
    }
    return true;
}

void add_place(std::string_view text, std::vector<Place>& out) {
    auto unquoted = whole_quoted(text);
    if (add_special(unquoted ? std::string_view(*unquoted) : text, out)) {
        return;
    }
    // "\user" is the mailbox of the user, past aliases and .forward: the backslash stays.
    if (text.starts_with('\\')) {
        out.push_back({Place::Kind::kAddress, std::string(text)});
        return;
    }
    AddressList list = AddressList::parse(text);
    for (std::size_t i = 0; i < list.size(); ++i) {
        out.push_back({Place::Kind::kAddress, list.internal(i)});
    }
}

}  // namespace

std::vector<Place> parse_places(std::string_view text) {
    std::vector<Place> out;
    while (!text.empty()) {
        bool comment_line = trim_left(text, " \t").starts_with('#');
        std::size_t end =
            comment_line ? std::min(text.find('\n'), text.size()) : end_of_place(text, 0);
        std::string_view place = trim(text.substr(0, end));
        if (!comment_line && !place.empty()) {
            add_place(place, out);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

Result<std::optional<Account>> find_account(const std::string& name) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error != 0 && error != ENOENT) {
        return fail(Errc::kTemporary, "error looking up user " + name);
    }
    if (found == nullptr) {
        return std::optional<Account>();
    }
    return std::optional(Account{.name = found->pw_name,
                                 .home = found->pw_dir,
                                 .shell = found->pw_shell,
                                 .ids = {found->pw_uid, found->pw_gid}});
}

Account default_account() {
    auto account = find_account(conf().default_privs());
    if (!account || !*account) {
        log_fatal("unknown default_privs configuration parameter value: {}",
                  conf().default_privs());
    }
    return **account;
}

}  // namespace relais::local_agent
