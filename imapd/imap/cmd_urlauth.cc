// GENURLAUTH, RESETKEY, URLFETCH.  RFC 4467 (URLAUTH), RFC 5524 (URLAUTH=BINARY)
//
// The messages of a URL are those of the session's user: nobody else's mail is within reach of his
// process.  So a URL that is made for a submission server is fetched by a session of its owner (one
// into which the server has logged in as his master), and one for another user by nobody.
#include <ctime>

#include "lib/access/access_key.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/imap/auth_url.h"
#include "lib/imap/binary_part.h"
#include "lib/imap/envelope.h"
#include "lib/imap/format.h"
#include "lib/imap/section.h"
#include "lib/sasl/password.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/url_message.h"

namespace relais {

namespace {

constexpr std::size_t kPiece = std::size_t{64} * 1024;
constexpr std::string_view kMechanism = "INTERNAL";

bool is_offered() {
    return !conf().imap_urlauth_host().empty();
}

// Where the key of the URL's mailbox is, when it is one of the session's user; else empty.
std::string own_directory(Session& session, const imap::AuthUrl& url) {
    bool own = url.user == session.user.name() && iequals(url.host, conf().imap_urlauth_host());
    std::string name = own ? url_mailbox(session, url.message) : "";
    bool there = !name.empty() && session.user.is_own(name) && session.user.tree().ready(name);
    return there ? session.user.tree().place_of(name).lists_directory() : "";
}

// Whom the URL lets in is, in a session of its owner, the owner.
bool lets_in(const Session& session, const imap::AuthUrl& url) {
    bool named =
        url.access == imap::AuthUrl::Access::kUser || url.access == imap::AuthUrl::Access::kSubmit;
    return !named || url.access_user == session.user.name();
}

// RFC 4467 7: in time, for who asks, and made with the key of the mailbox.
bool is_authorized(Session& session, const imap::AuthUrl& url) {
    std::string directory = own_directory(session, url);
    bool expired = url.expires && *url.expires <= std::time(nullptr);
    if (directory.empty() || expired || !lets_in(session, url) ||
        !iequals(url.mechanism, kMechanism)) {
        return false;
    }
    auto key = read_access_key(directory);
    if (!key) {
        log_warning("{}", key.error().message);
        return false;
    }
    return *key && equal_secrets(access_token(**key, url.rump), lowercase(url.token));
}

// The URL with its token; the error is the reply.
std::expected<std::string, Reply> authorize(Session& session, const Command& command,
                                            const std::string& rump, std::string_view mechanism) {
    auto url = imap::parse_auth_url(rump);
    if (!url || !url->token.empty()) {
        return std::unexpected(
            bad_arguments(command, url ? "This URL has a token already." : url.error().message));
    }
    std::string directory = own_directory(session, *url);
    if (directory.empty()) {
        return std::unexpected(bad_arguments(command, "This URL names no mailbox of yours."));
    }
    if (!iequals(mechanism, kMechanism)) {
        return std::unexpected(bad_arguments(command, "Unsupported URLAUTH mechanism."));
    }
    auto key = access_key(directory);
    if (!key) {
        return std::unexpected(failure(key.error()));
    }
    return format("{}:{}:{}", rump, lowercase(kMechanism), access_token(*key, url->rump));
}

struct Wanted {
    bool extended = false;  // RFC 5524
    bool body = false;
    bool binary = false;
    bool structure = false;
};

// "URL" or "(URL BINARY BODYPARTSTRUCTURE)"; the URL.
std::optional<std::string> parse_fetched(imap::Scanner& scanner, Wanted& wanted) {
    bool list = scanner.accept('(');
    auto url = scanner.astring();
    while (url && list && scanner.space()) {
        wanted.extended = true;
        bool* item = scanner.accept_word("BODYPARTSTRUCTURE") ? &wanted.structure
                     : scanner.accept_word("BINARY")          ? &wanted.binary
                     : scanner.accept_word("BODY")            ? &wanted.body
                                                              : nullptr;
        if (item == nullptr || *item) {
            return std::nullopt;
        }
        *item = true;
    }
    bool closed = !list || scanner.accept(')');
    return closed && !(wanted.body && wanted.binary) ? url : std::nullopt;
}

// Writes what a URL stands for.
class UrlFetcher {
  public:
    UrlFetcher(Session& session, imap::ImapUrl url, MessageFile file)
        : session_(session),
          url_(std::move(url)),
          file_(std::move(file)),
          root_(imap::parse_mime(file_.text())) {}

    // False, and nothing written, where there is no such part.
    [[nodiscard]] Task<bool> write(Wanted wanted);

  private:
    [[nodiscard]] Task<void> write_text(imap::SectionText text);
    void write_binary(const std::optional<std::string>& decoded);
    std::optional<std::string> decoded() const;
    std::string structure(bool binary) const;

    Session& session_;
    imap::ImapUrl url_;
    MessageFile file_;
    imap::MimePart root_;
};

Task<bool> UrlFetcher::write(Wanted wanted) {
    auto text = imap::cut_section(file_.text(), root_, url_.section);
    if (!text) {
        co_return false;
    }
    if (wanted.structure) {
        session_.stream.write(" (BODYPARTSTRUCTURE " + structure(wanted.binary) + ")");
    }
    if (wanted.binary) {
        session_.stream.write(" (BINARY ");
        write_binary(decoded());
        session_.stream.write(")");
    } else if (wanted.body || !wanted.extended) {
        session_.stream.write(wanted.extended ? " (BODY " : " ");
        co_await write_text(std::move(*text));
        session_.stream.write(wanted.extended ? ")" : "");
    }
    co_return true;
}

Task<void> UrlFetcher::write_text(imap::SectionText text) {
    imap::FetchItem item;
    item.partial = url_.partial;
    imap::SectionRange range = imap::wanted_range(item, text.wire_size());
    session_.stream.write(format("{{{}}}\r\n", range.count));
    imap::WireReader reader = text.reader();
    reader.skip(range.origin);
    while (range.count > 0) {
        std::string piece;
        std::uint64_t size = std::min<std::uint64_t>(range.count, kPiece);
        reader.read(piece, size);
        range.count -= size;
        session_.stream.write(piece);
        co_await session_.drain();
    }
}

void UrlFetcher::write_binary(const std::optional<std::string>& decoded) {
    if (!decoded) {
        session_.stream.write("NIL");
        return;
    }
    bool eight = decoded->find('\0') != std::string::npos;
    session_.stream.write(format("{}{{{}}}\r\n", eight ? "~" : "", decoded->size()));
    session_.stream.write(*decoded);
}

// Nothing where it is encoded in a way that nobody knows, or no part of its own.
std::optional<std::string> UrlFetcher::decoded() const {
    const imap::MimePart* part = imap::find_part(root_, url_.section.path);
    if (part == nullptr || url_.section.kind != imap::Section::Kind::kAll) {
        return std::nullopt;
    }
    bool whole = url_.section.path.empty();
    auto found = imap::decode_part(file_.text(), *part,
                                   whole ? imap::PartHeader::kWrite : imap::PartHeader::kLeaveOut);
    if (!found) {
        return std::nullopt;
    }
    imap::FetchItem item;
    item.partial = url_.partial;
    imap::SectionRange range = imap::wanted_range(item, found->bytes.size());
    return found->bytes.substr(static_cast<std::size_t>(range.origin),
                               static_cast<std::size_t>(range.count));
}

// Of the part as it goes out: decoded, it says so (RFC 5524 3.2).
std::string UrlFetcher::structure(bool binary) const {
    const imap::MimePart* part = imap::find_part(root_, url_.section.path);
    std::string out;
    auto plain = binary && part != nullptr
                     ? imap::decode_part(file_.text(), *part, imap::PartHeader::kWrite)
                     : fail(Errc::kNotFound, "");
    if (plain) {
        imap::append_body(out, plain->bytes, imap::parse_mime(plain->bytes), imap::BodyForm::kBody);
    } else if (part != nullptr) {
        imap::append_body(out, file_.text(), *part, imap::BodyForm::kBody);
    } else {
        out = "NIL";
    }
    return out;
}

// NIL for whatever is wrong with it: who tries URLs learns nothing (RFC 4467 7).
Task<void> fetch_url(Session& session, std::string text, Wanted wanted) {
    session.stream.write(" ");
    std::string name;
    imap::append_string(name, text);
    session.stream.write(name);
    auto url = imap::parse_auth_url(text);
    bool written = false;
    if (url && is_authorized(session, *url)) {
        auto file = co_await open_url_message(session, url->message);
        if (file) {
            UrlFetcher fetcher(session, url->message, std::move(*file));
            written = co_await fetcher.write(wanted);
        }
    }
    session.stream.write(written ? "" : " NIL");
    co_await session.drain();
}

Reply not_offered(const Command& command) {
    return bad_arguments(command, "URLAUTH disabled.");
}

}  // namespace

Task<Reply> cmd_genurlauth(Session& session, Command& command) {
    if (!is_offered()) {
        co_return not_offered(command);
    }
    std::string answer = "* GENURLAUTH";
    imap::Scanner& scanner = command.arguments;
    bool any = false;
    while (scanner.space()) {
        auto rump = scanner.astring();
        auto mechanism = rump && scanner.space() ? scanner.atom() : std::nullopt;
        if (!mechanism) {
            co_return bad_arguments(command);
        }
        auto url = authorize(session, command, *rump, *mechanism);
        if (!url) {
            co_return url.error();
        }
        answer += ' ';
        imap::append_string(answer, *url);
        any = true;
    }
    if (!any || !scanner.at_end()) {
        co_return bad_arguments(command);
    }
    session.stream.write(answer + "\r\n");
    co_return Reply::ok("GENURLAUTH completed.");
}

// Of one mailbox, or of all.
Task<Reply> cmd_resetkey(Session& session, Command& command) {
    if (!is_offered()) {
        co_return not_offered(command);
    }
    MailTree& tree = session.user.tree().own();
    if (command.arguments.at_end()) {
        auto names = session.user.tree().own().list_readable();
        for (const std::string& name : names ? *names : std::vector<std::string>()) {
            auto removed = remove_access_key(tree.place_of(name).lists_directory());
            if (!removed) {
                co_return failure(removed.error());
            }
        }
        co_return names ? Reply::ok("All keys removed.") : failure(names.error());
    }
    auto name = command.arguments.space() ? mailbox_argument(session, command) : std::nullopt;
    while (name && command.arguments.space()) {
        auto mechanism = command.arguments.astring();
        if (!mechanism) {
            co_return bad_arguments(command);
        }
        if (!iequals(*mechanism, kMechanism)) {
            co_return Reply::no("Unsupported URLAUTH mechanism.");
        }
    }
    if (!name || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    if (!session.user.is_own(*name) || !session.user.tree().exists(*name)) {
        co_return no_mailbox(*name);
    }
    auto removed = remove_access_key(session.user.tree().place_of(*name).lists_directory());
    co_return removed ? Reply::ok("[URLMECH INTERNAL] Key removed.") : failure(removed.error());
}

Task<Reply> cmd_urlfetch(Session& session, Command& command) {
    if (!is_offered()) {
        co_return not_offered(command);
    }

    struct Fetched {
        std::string url;
        Wanted wanted;
    };

    std::vector<Fetched> all;
    while (command.arguments.space()) {
        Wanted wanted;
        auto url = parse_fetched(command.arguments, wanted);
        if (!url) {
            co_return bad_arguments(command);
        }
        all.push_back({std::move(*url), wanted});
    }
    if (all.empty() || !command.arguments.at_end()) {
        co_return bad_arguments(command);
    }
    session.stream.write("* URLFETCH");
    for (const Fetched& each : all) {
        co_await fetch_url(session, each.url, each.wanted);
    }
    session.stream.write("\r\n");
    co_return Reply::ok("URLFETCH completed.");
}

}  // namespace relais
