#include "tools/doveadm/sync_options.h"

#include <algorithm>
#include <ctime>

#include "lib/base/strings.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/utf7.h"
#include "lib/sync/imap_responses.h"

#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query_words.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

bool fits(const User& user, const std::string& name, const std::string& word) {
    imap::ListPattern pattern(imap::utf8_to_utf7(word).value_or(word), user.separator());
    return pattern.match(name) == imap::ListMatch::kYes;
}

std::optional<std::int64_t> date_option(const OptionWords& options, char option) {
    if (!options.has(option)) {
        return std::nullopt;
    }
    auto date = parse_query_date(options.get(option), std::time(nullptr));
    if (!date) {
        end_with(kTemporary, format("Invalid -{} parameter: {}", option, options.get(option)));
    }
    return date->time;
}

std::optional<std::uint64_t> size_option(const OptionWords& options) {
    if (!options.has('I')) {
        return std::nullopt;
    }
    auto size = parse_query_size(options.get('I'));
    if (!size) {
        end_with(kTemporary, format("Invalid -I parameter '{}': {}", printable(options.get('I')),
                                    size.error().message));
    }
    return *size;
}

std::optional<std::chrono::seconds> lock_option(const OptionWords& options) {
    constexpr std::uint64_t kMost = 86400;
    auto wait = parse_uint(options.get('l'));
    bool waits = wait && *wait > 0;
    return waits ? std::optional(std::chrono::seconds(std::min(*wait, kMost))) : std::nullopt;
}

std::string guid_option(const OptionWords& options) {
    constexpr std::size_t kGuid = 32;
    std::string guid = lowercase(options.get('g'));
    bool sensible = guid.size() == kGuid && guid != std::string(kGuid, '0') &&
                    guid.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (options.has('g') && !sensible) {
        end_with(kTemporary, "Invalid -g parameter: " + printable(options.get('g')));
    }
    return guid;
}

// "\Seen", "$Junk", "-\Deleted"
std::optional<SyncFlag> flag_option(const OptionWords& options) {
    std::string text = options.get('O');
    if (text.empty()) {
        return std::nullopt;
    }
    if (text.find(' ') != std::string::npos) {
        end_with(kTemporary, "-O parameter doesn't support multiple flags currently");
    }
    SyncFlag flag;
    flag.wanted = !text.starts_with('-');
    flag.keyword = flag.wanted ? text : text.substr(1);
    if (flag.keyword.starts_with('\\')) {
        flag.system = imap::system_flag(flag.keyword);
        if (flag.system == 0) {
            end_with(kTemporary, format("Invalid system flag given for -O parameter: '{}'",
                                        printable(flag.keyword)));
        }
    }
    return flag;
}

}  // namespace

std::chrono::seconds patience_option(const OptionWords& options, std::chrono::seconds usual) {
    constexpr std::uint64_t kMost = 86400;
    auto patience = options.has('T') ? parse_uint(options.get('T'))
                                     : std::optional<std::uint64_t>(usual.count());
    if (!patience || *patience == 0 || *patience > kMost) {
        end_with(kUsage, "Invalid -T parameter: " + printable(options.get('T')));
    }
    return std::chrono::seconds(*patience);
}

bool MailboxChoice::has(const User& user, const std::string& mailbox) const {
    if (named_ && !named_->contains(mailbox)) {
        return false;
    }
    std::string name = mailbox;
    std::ranges::replace(name, '.', user.separator());
    bool wanted = only_.empty() || std::ranges::any_of(only_, [&](const std::string& word) {
                      return mailbox_from_word(user, word) == name;
                  });
    return wanted && std::ranges::none_of(excluded_, [&](const std::string& word) {
               return word.starts_with('\\') ? user.special_use(name) == word
                                             : fits(user, name, word);
           });
}

SyncOptions SyncOptions::parse(const OptionWords& options, SyncMode mode) {
    SyncOptions found;
    found.mode = options.has('1') ? SyncMode::kPush : mode;
    found.reversed = options.has('R');
    found.scope.since = date_option(options, 't');
    found.scope.until = date_option(options, 'e');
    found.scope.largest = size_option(options);
    found.scope.flag = flag_option(options);
    found.choice = MailboxChoice(options.all('m'), options.all('x'));
    found.mailbox_guid = guid_option(options);
    found.patience = patience_option(options, found.patience);
    found.lock = lock_option(options);
    found.raw_log = options.get('r');
    found.needs_remote = options.has('N');
    if (options.has('s')) {
        found.state = options.get('s');
    }
    if (!options.has('d')) {
        found.place = options.rest();
    }
    return found;
}

}  // namespace relais::doveadm
