// ESEARCH: one search in several mailboxes.  RFC 7377 (MULTISEARCH)
#include <set>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/imap/format.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/search_run.h"

namespace relais {

namespace {

using Filter = imap::MailboxFilter;

// Each mailbox is held against each of them.
constexpr std::size_t kMostFilters = 100;

struct Request {
    std::vector<Filter> sources;  // none: the selected mailbox
    imap::SearchReturn returns;
    imap::SearchKey key;

    bool only_selected() const { return std::ranges::all_of(sources, &Filter::is_selected); }

    bool with_selected() const {
        return sources.empty() || std::ranges::any_of(sources, &Filter::is_selected);
    }
};

// "IN (mailboxes (a b) subtree c)" and the space behind it.
bool parse_sources(Session& session, imap::Scanner& scanner, std::vector<Filter>& sources) {
    if (!scanner.accept_word("IN")) {
        return true;
    }
    if (!scanner.space() || !scanner.accept('(')) {
        return false;
    }
    do {
        auto filter = imap::parse_mailbox_filter(scanner);
        if (!filter || filter->kind == Filter::Kind::kSelectedDelayed ||
            sources.size() >= kMostFilters) {
            return false;
        }
        take_names(session, *filter);
        sources.push_back(std::move(*filter));
    } while (scanner.space());
    return scanner.accept(')') && scanner.space();
}

std::expected<Request, Reply> parse_esearch(Session& session, Command& command) {
    Request request;
    imap::Scanner& scanner = command.arguments;
    if (!scanner.space() || !parse_sources(session, scanner, request.sources)) {
        return std::unexpected(bad_arguments(command));
    }
    auto returns = imap::parse_search_return(scanner);
    if (!returns) {
        return std::unexpected(bad_arguments(command, returns.error().message));
    }
    if (*returns) {
        request.returns = std::move(**returns);
    } else {
        request.returns.all = true;  // RFC 7377 2.1
    }
    auto key = imap::parse_search(scanner);
    if (!key) {
        return std::unexpected(search_refusal(session, command, *returns, key.error()));
    }
    request.key = std::move(*key);
    return request;
}

// RFC 7377 2.2
std::optional<Reply> refuse(Session& session, const Command& command, const Request& request) {
    bool selected = session.selected != nullptr;
    if (!selected && (request.with_selected() || request.returns.update)) {
        return Reply::bad("No mailbox selected.");
    }
    if (request.returns.save && !request.only_selected()) {
        return bad_arguments(command, "Only results in the selected mailbox can be saved.");
    }
    if (request.key.uses_saved() && !request.only_selected()) {
        return bad_arguments(command, "Saved results are of the selected mailbox.");
    }
    return std::nullopt;
}

// In the order of the tree, each once.
Result<std::vector<std::string>> mailboxes_of(Session& session, const Request& request) {
    std::string selected = session.selected ? session.selected->mailbox().name : "";
    if (request.only_selected()) {
        return std::vector<std::string>{selected};
    }
    auto names = session.user.visible_mailboxes({});
    auto subscriptions = session.user.subscribed();
    if (!names || !subscriptions) {
        return !names ? fail_with(names) : fail_with(subscriptions);
    }
    std::set<std::string> subscribed(subscriptions->begin(), subscriptions->end());
    auto wanted = [&](const std::string& name) {
        imap::FilteredMailbox mailbox{name, session.user.is_own(name), subscribed.contains(name)};
        return std::ranges::any_of(request.sources, [&](const Filter& filter) {
            return (filter.is_selected() && name == selected) ||
                   filter.covers(mailbox, session.user.separator());
        });
    };
    std::erase_if(*names, [&wanted](const std::string& name) { return !wanted(name); });
    return names;
}

class Searcher {
  public:
    Searcher(Session& session, const Command& command, Request request)
        : session_(session), command_(command), request_(std::move(request)) {}

    [[nodiscard]] Task<void> search(std::string name);

  private:
    [[nodiscard]] Task<void> search_selected();
    [[nodiscard]] Task<void> search_in(Selected& selected);
    void tell(Selected& selected, const std::vector<std::uint32_t>& uids);

    Session& session_;
    const Command& command_;
    Request request_;
    std::vector<std::uint32_t> found_;
};

Task<void> Searcher::search(std::string name) {
    if (session_.selected && session_.selected->mailbox().name == name) {
        co_await search_selected();
        co_return;
    }
    // Gone since it was listed, or not for this user (RFC 7377 2.2).
    if (!session_.user.tree().exists(name) || refuse_mailbox(session_, name, AclRights::of("r"))) {
        co_return;
    }
    Selected other(session_.user.open(name), MailboxAccess::kReadOnly, session_.enabled);
    auto synced = co_await other.sync();
    if (!synced) {
        log_warning("mailbox {}: {}", name, synced.error().message);
        session_.user.forget(name);
        co_return;
    }
    other.begin();
    co_await search_in(other);
}

Task<void> Searcher::search_selected() {
    std::optional<imap::SearchReturn> returns = request_.returns;
    auto context = begin_context(session_, command_, returns, request_.key);
    co_await search_in(*session_.selected);
    if (request_.returns.save) {
        session_.selected->saved = request_.returns.saved(found_);
    }
    keep_context(session_, std::move(context), found_, Complete::kYes);
}

Task<void> Searcher::search_in(Selected& selected) {
    Found found = co_await find_in(session_, selected, request_.key, command_.tag, 0);
    found_ = std::move(found.uids);
    selected.mailbox().cache.flush();
    if (!found_.empty() && request_.returns.answers()) {  // RFC 7377 2.1
        tell(selected, found_);
    }
    co_await session_.drain();
}

void Searcher::tell(Selected& selected, const std::vector<std::uint32_t>& uids) {
    std::string out = "* ESEARCH (TAG ";
    imap::append_string(out, command_.tag);
    out += " MAILBOX ";
    session_.append_name(out, selected.mailbox().name);
    out += format(" UIDVALIDITY {}) UID", selected.box().uid_validity());
    std::optional<std::uint64_t> modseq;
    if (request_.key.uses_modseq()) {
        modseq = highest_modseq(selected.box(), request_.returns, uids);
    }
    imap::append_esearch_data(out, request_.returns, uids, modseq);
    session_.stream.write(out);
}

}  // namespace

Task<Reply> cmd_esearch(Session& session, Command& command) {
    auto request = parse_esearch(session, command);
    if (!request) {
        co_return request.error();
    }
    auto refused = refuse(session, command, *request);
    if (refused) {
        co_return std::move(*refused);
    }
    auto prepared = prepare_search(session, command, request->returns, request->key);
    if (!prepared) {
        co_return prepared.error();
    }
    auto names = mailboxes_of(session, *request);
    if (!names) {
        co_return failure(names.error());
    }
    Searcher searcher(session, command, std::move(*request));
    for (const std::string& name : *names) {
        co_await searcher.search(name);
        co_await yield();
    }
    co_return Reply::ok("Search completed.");
}

}  // namespace relais
