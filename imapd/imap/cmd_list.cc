// LIST with its extensions, and LSUB.  RFC 3501 6.3.8 and 6.3.9, RFC 5258 (LIST-EXTENDED),
// RFC 5819 (LIST-STATUS), RFC 6154 (SPECIAL-USE), RFC 8440 (LIST-MYRIGHTS), RFC 9590
// (LIST-METADATA)
#include <algorithm>
#include <map>
#include <span>

#include "lib/access/annotations.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/event/task_group.h"
#include "lib/imap/format.h"
#include "lib/imap/list_pattern.h"

#include "imapd/imap/acl_letters.h"
#include "imapd/imap/commands.h"
#include "imapd/imap/mailbox_status.h"

namespace relais {

namespace {

constexpr std::size_t kMaxPatterns = 100;

struct ListRequest {
    bool select_subscribed = false;
    bool select_special_use = false;
    bool recursive_match = false;
    bool return_subscribed = false;
    bool return_children = false;
    bool return_special_use = false;
    bool return_rights = false;
    bool extended = false;
    bool xlist = false;  // of Gmail: "* XLIST", and names of its own for special uses
    std::optional<StatusItems> status;
    std::vector<imap::MetadataEntry> annotations;
    std::vector<imap::ListPattern> patterns;
    // Where the pattern is empty: the root of the reference.
    std::optional<std::string> root_of;

    // Whether clients are told of it (RFC 5258 4, RFC 6154 2); plain LIST always tells.
    bool tells_children() const { return !extended || return_children; }

    bool tells_special_use() const { return !extended || select_special_use || return_special_use; }

    bool matches(std::string_view name) const {
        return std::ranges::any_of(patterns, [name](const imap::ListPattern& pattern) {
            return pattern.match(name) == imap::ListMatch::kYes;
        });
    }
};

// "(SUBSCRIBED RECURSIVEMATCH)"
bool parse_selection(imap::Scanner& scanner, ListRequest& request) {
    if (!scanner.accept('(')) {
        return true;
    }
    request.extended = true;
    while (!scanner.accept(')')) {
        scanner.space();
        if (scanner.accept_word("SUBSCRIBED")) {
            request.select_subscribed = true;
        } else if (scanner.accept_word("SPECIAL-USE")) {
            request.select_special_use = true;
        } else if (scanner.accept_word("RECURSIVEMATCH")) {
            request.recursive_match = true;
        } else if (!scanner.accept_word("REMOTE")) {
            return false;
        }
    }
    // RFC 5258 3: RECURSIVEMATCH alone makes no sense.
    bool alone = request.recursive_match && !request.select_subscribed;
    return !alone && scanner.space();
}

// "(/private/comment /shared/comment)" behind METADATA
bool parse_annotations(imap::Scanner& scanner, ListRequest& request) {
    const bool list = scanner.space() && scanner.peek() == '(';
    auto names = list ? imap::parse_metadata_names(scanner) : fail(Errc::kSyntax, "");
    if (names) {
        request.annotations = std::move(*names);
    }
    return names.has_value();
}

// One of "SUBSCRIBED CHILDREN STATUS (MESSAGES)".
bool parse_return_option(imap::Scanner& scanner, const Session& session, ListRequest& request) {
    if (scanner.accept_word("STATUS")) {
        request.status = scanner.space() ? parse_status_items(scanner) : std::nullopt;
        return request.status.has_value();
    }
    if (Annotations::on() && scanner.accept_word("METADATA")) {
        return parse_annotations(scanner, request);
    }
    if (scanner.accept_word("SUBSCRIBED")) {
        return request.return_subscribed = true;
    }
    if (scanner.accept_word("CHILDREN")) {
        return request.return_children = true;
    }
    if (scanner.accept_word("SPECIAL-USE")) {
        return request.return_special_use = true;
    }
    if (session.user.access().on() && scanner.accept_word("MYRIGHTS")) {
        return request.return_rights = true;
    }
    return false;
}

// "RETURN (SUBSCRIBED CHILDREN STATUS (MESSAGES))"
bool parse_return(imap::Scanner& scanner, const Session& session, ListRequest& request) {
    if (!scanner.space()) {
        return true;
    }
    request.extended = true;
    if (!scanner.accept_word("RETURN") || !scanner.space() || !scanner.accept('(')) {
        return false;
    }
    while (!scanner.accept(')')) {
        scanner.space();
        if (!parse_return_option(scanner, session, request)) {
            return false;
        }
    }
    return true;
}

// Reference and patterns.
bool parse_patterns(imap::Scanner& scanner, Session& session, ListRequest& request) {
    char separator = session.user.separator();
    auto reference = scanner.mailbox();
    if (!reference || !scanner.space()) {
        return false;
    }
    bool list = scanner.accept('(');
    request.extended |= list;
    do {
        auto pattern = scanner.mailbox();
        if (!pattern || request.patterns.size() >= kMaxPatterns) {
            return false;
        }
        if (pattern->empty()) {
            request.root_of = reference->substr(0, reference->find(separator) + 1);
        }
        std::string whole = *reference + *pattern;
        for (std::size_t at = 0;
             session.enabled.utf8_names() && (at = whole.find('&', at)) != std::string::npos;) {
            whole.insert(at + 1, "-");  // stands for itself in UTF-8, and begins something in UTF-7
            at += 2;
        }
        request.patterns.emplace_back(std::move(whole), separator);
    } while (list && scanner.space());
    return !list || scanner.accept(')');
}

// A name in the answer.
struct Listed {
    bool exists = false;
    bool subscribed = false;
    bool child_subscribed = false;
    bool speaks_for_child = false;  // the child is subscribed, but not in the answer
    bool has_children = false;
};

using Listing = std::map<std::string, Listed>;

class Lister {
  public:
    Lister(Session& session, const ListRequest& request) : session_(session), request_(request) {}

    const ListRequest& request() const { return request_; }

    Listing collect(const std::vector<std::string>& names,
                    const std::vector<std::string>& subscribed) const {
        Listing all;
        for (const NamespaceSettings& space : session_.user.tree().spaces()) {
            std::string_view prefix = space.fixed_prefix();
            if (space.listing == NamespaceSettings::Listing::kYes && !prefix.empty()) {
                add_with_parents(all, std::string(prefix.substr(0, prefix.size() - 1)));
            }
        }
        for (const std::string& name : names) {
            add_with_parents(all, name).exists = true;
        }
        if (request_.select_subscribed) {
            for (const std::string& name : subscribed) {
                add_with_parents(all, name);
            }
        }
        for (const std::string& name : subscribed) {
            mark_subscribed(all, name);
        }
        std::erase_if(all,
                      [this](const auto& each) { return !is_wanted(each.first, each.second); });
        return all;
    }

    // "(\HasChildren \Sent)"
    std::string attributes(const std::string& name, const Listed& entry) const {
        std::vector<std::string> list;
        if (!entry.exists) {
            // A name that is only there because of what is below it, or of a subscription.
            bool told_apart = request_.extended || session_.enabled.rev2;
            list.emplace_back(told_apart ? "\\NonExistent" : "\\Noselect");
        }
        if (request_.tells_children()) {
            list.emplace_back(children_of(name, entry));
        }
        if (entry.subscribed && (request_.return_subscribed || request_.select_subscribed)) {
            list.emplace_back("\\Subscribed");
        }
        std::string_view use =
            entry.exists && request_.tells_special_use() ? session_.user.special_use(name) : "";
        if (request_.xlist) {
            use = name == "INBOX" ? "\\Inbox" : use == "\\Junk" ? "\\Spam" : use;
        }
        if (!use.empty()) {
            list.emplace_back(use);
        }
        return imap::format_flags(list);
    }

  private:
    std::string_view children_of(const std::string& name, const Listed& entry) const {
        if (entry.has_children) {
            return "\\HasChildren";
        }
        const bool possible = !entry.exists || session_.user.tree().takes_children(name);
        return possible ? "\\HasNoChildren" : "\\NoInferiors";
    }

    Listed& add_with_parents(Listing& all, const std::string& name) const {
        for (auto at = name.rfind(separator()); at != std::string::npos && at > 0;
             at = name.rfind(separator(), at - 1)) {
            all[name.substr(0, at)].has_children = true;
        }
        return all[name];
    }

    void mark_subscribed(Listing& all, const std::string& name) const {
        auto found = all.find(name);
        if (found != all.end()) {
            found->second.subscribed = true;
        }
        bool listed = request_.matches(name);
        for (auto at = name.rfind(separator()); at != std::string::npos && at > 0;
             at = name.rfind(separator(), at - 1)) {
            auto parent = all.find(name.substr(0, at));
            if (parent != all.end()) {
                parent->second.child_subscribed = true;
                parent->second.speaks_for_child |= !listed;
            }
        }
    }

    bool is_wanted(const std::string& name, const Listed& entry) const {
        // RFC 5258 3.5: a parent is listed for the sake of children that are not.
        bool subscribed = entry.subscribed || (request_.recursive_match && entry.speaks_for_child);
        bool special = entry.exists && !session_.user.special_use(name).empty();
        return (!request_.select_subscribed || subscribed) &&
               (!request_.select_special_use || special) && request_.matches(name);
    }

    char separator() const { return session_.user.separator(); }

    Session& session_;
    const ListRequest& request_;
};

void write_line(Session& session, std::string_view word, const std::string& attributes,
                std::string_view name, std::string_view more = {}) {
    std::string line = format("* {} {} \"{}\" ", word, attributes, session.user.separator());
    session.append_name(line, name);
    line += more;
    session.stream.write(line + "\r\n");
}

// RFC 5819.  A mailbox that lacked something was let go of: opened again, it has it.
Task<void> write_status(Session& session, std::string name, StatusItems items) {
    auto status = co_await mailbox_status(session, name, items);
    if (!status) {
        status = co_await mailbox_status(session, name, items);
    }
    session.stream.write(status ? *status : "");
}

std::vector<std::string> with_status(const Session& session, const ListRequest& request,
                                     const Listing& listing) {
    std::vector<std::string> names;
    for (const auto& [name, entry] : listing) {
        bool told = request.status && entry.exists &&
                    session.user.access().rights_on(name).has(AclRights::of("r"));
        if (told) {
            names.push_back(name);
        }
    }
    return names;
}

Task<void> look_at_unknown(std::shared_ptr<OpenMailbox> mailbox) {
    auto looked = co_await mailbox->quiet.look(&mailbox->box);
    static_cast<void>(looked);  // who tells of it looks again
}

// The first look at a mailbox gives UIDs to its messages, and waits for the disk: at so many at a
// time.
constexpr std::size_t kLookedAtOnce = 16;

Task<void> look_ahead(Session& session, std::span<const std::string> names) {
    TaskGroup looks;
    for (const std::string& name : names) {
        auto mailbox = session.user.open(name);
        if (mailbox->box.uid_validity() == 0) {
            looks.spawn(look_at_unknown(std::move(mailbox)));
        }
    }
    co_await looks.join_or_close();
}

// Without what has to be waited for.
void write_listed(Session& session, std::string_view word, const Lister& lister,
                  const std::string& name, const Listed& entry) {
    const ListRequest& request = lister.request();
    bool child = request.recursive_match && entry.child_subscribed;
    write_line(session, word, lister.attributes(name, entry), name,
               child ? " (CHILDINFO (\"SUBSCRIBED\"))" : "");
    if (request.return_rights && entry.exists) {
        session.stream.write(myrights_line(session, name, session.user.access().rights_on(name)));
    }
}

// RFC 3501 6.3.8: an empty pattern asks for the separator and the root of the reference.
Reply answer_root(Session& session, std::string_view word, const std::string& root) {
    if (root.empty()) {
        session.stream.write(
            format("* {} (\\Noselect) \"{}\" \"\"\r\n", word, session.user.separator()));
    } else {
        write_line(session, word, "(\\Noselect)", root);
    }
    return Reply::ok("List completed.");
}

}  // namespace

Task<Reply> cmd_list(Session& session, Command& command) {
    ListRequest request;
    request.xlist = command.name == "XLIST";
    imap::Scanner& scanner = command.arguments;
    bool good = scanner.space() && (request.xlist || parse_selection(scanner, request)) &&
                parse_patterns(scanner, session, request) &&
                (request.xlist || parse_return(scanner, session, request)) && scanner.at_end();
    if (!good) {
        co_return bad_arguments(command);
    }
    if (!request.extended && request.root_of) {
        co_return answer_root(session, command.name, *request.root_of);
    }
    std::vector<std::string> asked;
    asked.reserve(request.patterns.size());
    for (const imap::ListPattern& pattern : request.patterns) {
        asked.push_back(pattern.text());
    }
    auto names = session.user.visible_mailboxes(asked);
    auto subscribed = session.user.subscribed();
    if (!names || !subscribed) {
        co_return failure(!names ? names.error() : subscribed.error());
    }
    session.user.load_special_uses();
    if (request.status && request.status->highest_modseq) {
        session.enable_condstore();
    }
    const Lister lister(session, request);
    const Listing listing = lister.collect(*names, *subscribed);
    const std::vector<std::string> told = with_status(session, request, listing);
    std::span<const std::string> left = told;
    for (const auto& [name, entry] : listing) {
        write_listed(session, command.name, lister, name, entry);
        if (!left.empty() && left.front() == name) {
            if ((told.size() - left.size()) % kLookedAtOnce == 0) {
                co_await look_ahead(session, left.first(std::min(kLookedAtOnce, left.size())));
            }
            left = left.subspan(1);
            co_await write_status(session, name, *request.status);
        }
        if (!request.annotations.empty() && entry.exists) {
            co_await write_annotations(session, name, request.annotations);
        }
        co_await session.drain();
    }
    co_return Reply::ok("List completed.");
}

// RFC 3501 6.3.9: with "%", a parent of subscribed names stands in for them.
Task<Reply> cmd_lsub(Session& session, Command& command) {
    ListRequest request;
    imap::Scanner& scanner = command.arguments;
    if (!scanner.space() || !parse_patterns(scanner, session, request) || !scanner.at_end() ||
        request.patterns.size() != 1) {
        co_return bad_arguments(command);
    }
    auto subscribed = session.user.subscribed();
    if (!subscribed) {
        co_return failure(subscribed.error());
    }
    session.user.load_special_uses();
    const imap::ListPattern& pattern = request.patterns.front();
    std::map<std::string, std::string> lines;
    for (const std::string& name : *subscribed) {
        imap::ListMatch match = pattern.match(name);
        if (match == imap::ListMatch::kYes) {
            lines[name] = format("({})", session.user.special_use(name));
        }
        bool percent = pattern.text().ends_with('%');
        if (match != imap::ListMatch::kParent || !percent) {
            continue;
        }
        std::string parent = name;
        while (pattern.match(parent) != imap::ListMatch::kYes) {
            parent.resize(parent.rfind(session.user.separator()));
        }
        lines.emplace(parent, "(\\Noselect)");
    }
    for (const auto& [name, attributes] : lines) {
        write_line(session, "LSUB", attributes, name);
    }
    co_return Reply::ok("Lsub completed.");
}

}  // namespace relais
