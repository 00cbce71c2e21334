// GETMETADATA, SETMETADATA.  RFC 5464
#include <algorithm>
#include <array>

#include "lib/access/annotations.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/format.h"
#include "lib/imap/metadata.h"

#include "imapd/imap/commands.h"
#include "imapd/imap/notifier.h"

namespace relais {

namespace {

using imap::MetadataEntry;
using imap::MetadataOptions;
using Depth = MetadataOptions::Depth;

constexpr std::string_view kSpecialUse = "specialuse";
constexpr std::array<bool, 2> kScopes = {false, true};  // private, shared

// RFC 5464 3: who may know of the mailbox, and do something with it.
std::optional<Reply> refuse_annotations(Session& session, const std::string& name) {
    if (name.empty()) {
        return std::nullopt;
    }
    auto rights = rights_for(session, name, AclRights::of("l"));
    if (!rights) {
        return std::move(rights.error());
    }
    return rights->has_one_of(AclRights::of("rswip")) ? std::nullopt
                                                      : std::optional(no_permission());
}

// The GUID that keys are made of: of the mailbox, or for the server of the INBOX.
Task<Result<std::string>> guid_for(Session& session, std::string name) {
    auto mailbox = session.user.open(name.empty() ? "INBOX" : name);
    auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
    if (!synced) {
        co_return fail_with(synced);
    }
    co_return mailbox->box.guid().empty() ? Result<std::string>(fail(Errc::kDenied, "no GUID"))
                                          : Result<std::string>(mailbox->box.guid());
}

// "" is the server.
std::optional<std::string> annotated_argument(Session& session, Command& command) {
    imap::Scanner before = command.arguments;
    auto text = before.mailbox();
    if (text && text->empty()) {
        command.arguments = before;
        return "";
    }
    return mailbox_argument(session, command);
}

struct GetRequest {
    std::string name;
    MetadataOptions options;
    std::vector<MetadataEntry> entries;
};

// The options come before the mailbox; the examples of the RFC have them behind it.
std::expected<GetRequest, Reply> parse_get(Session& session, Command& command) {
    GetRequest request;
    imap::Scanner& scanner = command.arguments;
    if (!scanner.space()) {
        return std::unexpected(bad_arguments(command));
    }
    if (scanner.peek() == '(' && (!request.options.parse(scanner) || !scanner.space())) {
        return std::unexpected(bad_arguments(command));
    }
    auto name = annotated_argument(session, command);
    if (!name || !scanner.space()) {
        return std::unexpected(bad_arguments(command));
    }
    request.name = std::move(*name);
    imap::Scanner before = scanner;
    MetadataOptions late;
    if (scanner.peek() == '(' && late.parse(scanner) && scanner.space()) {
        request.options = late;
    } else {
        scanner = before;
    }
    auto entries = imap::parse_metadata_names(scanner);
    if (!entries || !scanner.at_end()) {
        return std::unexpected(
            bad_arguments(command, entries ? "Invalid arguments." : entries.error().message));
    }
    request.entries = std::move(*entries);
    return request;
}

struct Found {
    std::vector<std::pair<std::string, std::optional<std::string>>> values;
    std::uint64_t longest = 0;  // of those that are too large to be told

    void add(const MetadataOptions& options, const MetadataEntry& entry) {
        auto size = entry.value ? entry.value->size() : 0;
        if (options.max_size && size > *options.max_size) {
            longest = std::max<std::uint64_t>(longest, size);
            return;
        }
        std::string name = entry.full_name();
        bool told =
            std::ranges::any_of(values, [&](const auto& each) { return each.first == name; });
        if (!told) {
            values.emplace_back(std::move(name), entry.value);
        }
    }
};

void find_entries(const GetRequest& request, bool shared,
                  const std::map<std::string, std::string>& all, Found& found) {
    for (const MetadataEntry& asked : request.entries) {
        if (asked.shared != shared) {
            continue;
        }
        bool any = false;
        for (const auto& [name, value] : all) {
            if (request.options.covers(asked.name, name)) {
                any = true;
                found.add(request.options, {shared, name, value});
            }
        }
        if (!any && request.options.depth == Depth::kNone) {
            found.add(request.options, {shared, asked.name, std::nullopt});
        }
    }
}

// What is stored, and the special use of the mailbox, which is stored elsewhere (RFC 6154 4).
Task<Result<Found>> find_all(Session& session, GetRequest request) {
    auto guid = co_await guid_for(session, request.name);
    if (!guid) {
        co_return fail_with(guid);
    }
    Annotations annotations(session.user.name(), session.user.home(), session.user.tree());
    Found found;
    for (bool shared : kScopes) {
        auto all = annotations.load({request.name, *guid, shared});
        if (!all) {
            co_return fail_with(all);
        }
        if (!shared && !request.name.empty()) {
            session.user.load_special_uses();
            std::string_view use = session.user.special_use(request.name);
            all->erase(std::string(kSpecialUse));
            if (!use.empty()) {
                all->emplace(kSpecialUse, use);
            }
        }
        find_entries(request, shared, *all, found);
    }
    co_return found;
}

void write_values(Session& session, const std::string& name, const Found& found) {
    if (found.values.empty()) {
        return;
    }
    std::string line = "* METADATA ";
    session.append_name(line, name);
    const char* between = " (";
    for (const auto& [entry, value] : found.values) {
        line += between + entry + " ";
        // A literal of its own kind where there are NULs (RFC 5464 5: literal8).
        bool binary = value && value->find('\0') != std::string::npos;
        if (binary) {
            line += format("~{{{}}}\r\n", value->size()) + *value;
        } else if (value) {
            line += format("{{{}}}\r\n", value->size()) + *value;
        } else {
            line += "NIL";
        }
        between = " ";
    }
    session.stream.write(line + ")\r\n");
}

// The reply that refuses what is to be set, before anything is.
std::optional<Reply> refuse_values(Session& session, const std::string& name,
                                   const std::vector<MetadataEntry>& entries) {
    bool may_share = session.user.access().rights_on(name).has(AclRights::of("w"));
    for (const MetadataEntry& entry : entries) {
        bool fixed = !name.empty() && !entry.shared && entry.name == kSpecialUse;
        if (fixed || (name.empty() && entry.shared)) {
            return Reply::no(
                format("[CANNOT] The {} attribute cannot be changed", entry.full_name()));
        }
        if (entry.shared && !may_share) {
            return no_permission();
        }
        if (entry.value && entry.value->size() > Annotations::kMaxValue) {
            return Reply::no(
                format("[METADATA MAXSIZE {}] Value is too large", Annotations::kMaxValue));
        }
    }
    return std::nullopt;
}

Reply no_annotations(const Command& command) {
    return bad_arguments(command, "METADATA disabled.");
}

// What the client does itself, NOTIFY need not tell.
void expect_annotation(Session& session, const AnnotationScope& scope, const Annotation& change) {
    if (session.notifier) {
        session.notifier->expect_annotation(scope, change);
    }
}

Task<Result<void>> store_all(Session& session, std::string name,
                             std::vector<MetadataEntry> entries) {
    auto guid = co_await guid_for(session, name);
    if (!guid) {
        co_return fail_with(guid);
    }
    Annotations annotations(session.user.name(), session.user.home(), session.user.tree());
    for (bool shared : kScopes) {
        std::vector<Annotation> changes;
        for (MetadataEntry& entry : entries) {
            if (entry.shared == shared) {
                changes.push_back({std::move(entry.name), std::move(entry.value)});
            }
        }
        if (changes.empty()) {
            continue;
        }
        const AnnotationScope scope{name, *guid, shared};
        auto stored = co_await annotations.store(scope, changes);
        if (!stored) {
            co_return stored;
        }
        for (const Annotation& change : changes) {
            expect_annotation(session, scope, change);
        }
    }
    co_return Result<void>();
}

}  // namespace

Task<void> write_annotations(Session& session, std::string name,
                             std::vector<imap::MetadataEntry> entries) {
    GetRequest request;
    request.name = name;
    request.entries = std::move(entries);
    const bool refused = refuse_annotations(session, name).has_value();
    auto found = refused ? fail(Errc::kDenied, "") : co_await find_all(session, request);
    if (found) {
        write_values(session, name, *found);
    }
}

Task<Reply> cmd_getmetadata(Session& session, Command& command) {
    if (!Annotations::on()) {
        co_return no_annotations(command);
    }
    auto request = parse_get(session, command);
    if (!request) {
        co_return request.error();
    }
    auto refused = refuse_annotations(session, request->name);
    if (refused) {
        co_return std::move(*refused);
    }
    auto found = co_await find_all(session, *request);
    if (!found) {
        co_return failure(found.error());
    }
    write_values(session, request->name, *found);
    std::string code =
        found->longest > 0 ? format("[METADATA LONGENTRIES {}] ", found->longest) : "";
    co_return Reply::ok(code + "Getmetadata completed.");
}

Task<Reply> cmd_setmetadata(Session& session, Command& command) {
    if (!Annotations::on()) {
        co_return no_annotations(command);
    }
    auto name = command.arguments.space() ? annotated_argument(session, command) : std::nullopt;
    if (!name || !command.arguments.space()) {
        co_return bad_arguments(command);
    }
    auto entries = imap::parse_metadata_values(command.arguments);
    if (!entries || !command.arguments.at_end()) {
        co_return bad_arguments(command, entries ? "Invalid arguments." : entries.error().message);
    }
    auto refused = refuse_annotations(session, *name);
    refused = refused ? std::move(refused) : refuse_values(session, *name, *entries);
    if (refused) {
        co_return std::move(*refused);
    }
    auto stored = co_await store_all(session, *name, std::move(*entries));
    if (!stored && stored.error().code == Errc::kTooLarge) {
        co_return Reply::no("[METADATA TOOMANY] There are too many annotations");
    }
    co_return stored ? Reply::ok("Setmetadata completed.") : failure(stored.error());
}

}  // namespace relais
