#include "cleanup/mapping.h"

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address.h"
#include "lib/mail/address_list.h"

namespace relais::cleanup {

namespace {

constexpr int kCanonicalNesting = 10;
constexpr std::string_view kListSeparators = ", \t\r\n";
constexpr std::string_view kExpansionError = "4.6.0 Alias expansion error";

bool contains_word(std::string_view list, std::string_view word) {
    auto words = split_words(list, kListSeparators);
    return std::ranges::find(words, word) != words.end();
}

std::vector<std::string> lowercase_words(std::string_view list) {
    std::vector<std::string> words;
    for (auto word : split_words(list, kListSeparators)) {
        words.push_back(lowercase(word));
    }
    return words;
}

// user@domain with the extension put in front of the domain.
std::string with_extension(const std::string& address, const std::string& extension) {
    auto at = address.rfind('@');
    if (at == std::string::npos) {
        return address + extension;
    }
    return address.substr(0, at) + extension + address.substr(at);
}

void log_nesting(const Message& message, const TableSet& tables, std::string_view what,
                 std::string_view address) {
    log_warning("{}: unreasonable {} map {} for {} -- message not accepted, try again later",
                message.id(), tables.title(), what, printable(address));
}

}  // namespace

Mapping::Mapping(const Config& config, Rewriter& rewriter)
    : config_(config),
      rewriter_(rewriter),
      sender_canonical_("sender_canonical_maps", config.sender_canonical_maps(), &local_domains_),
      recipient_canonical_("recipient_canonical_maps", config.recipient_canonical_maps(),
                           &local_domains_),
      canonical_("canonical_maps", config.canonical_maps(), &local_domains_),
      virtual_alias_("virtual_alias_maps", config.virtual_alias_maps(), &local_domains_),
      sender_bcc_("sender_bcc_maps", config.sender_bcc_maps(), &local_domains_),
      recipient_bcc_("recipient_bcc_maps", config.recipient_bcc_maps(), &local_domains_) {
    const std::string& propagate = config.propagate_unmatched_extensions();
    canonical_extension_ =
        contains_word(propagate, "canonical") ? Extension::kPropagate : Extension::kDrop;
    virtual_extension_ =
        contains_word(propagate, "virtual") ? Extension::kPropagate : Extension::kDrop;
    sender_canonical_.classes =
        parse_classes("sender_canonical_classes", config.sender_canonical_classes());
    recipient_canonical_.classes =
        parse_classes("recipient_canonical_classes", config.recipient_canonical_classes());
    canonical_.classes = parse_classes("canonical_classes", config.canonical_classes());
    masquerade_domains_ = lowercase_words(config.masquerade_domains());
    masquerade_exceptions_ = lowercase_words(config.masquerade_exceptions());
    masquerade_classes_ = parse_classes("masquerade_classes", config.masquerade_classes());
}

unsigned Mapping::parse_classes(std::string_view title, std::string_view names) {
    static constexpr std::pair<std::string_view, unsigned> kNames[] = {
        {"envelope_sender", kClassEnvelopeSender},
        {"envelope_recipient", kClassEnvelopeRecipient},
        {"header_sender", kClassHeaderSender},
        {"header_recipient", kClassHeaderRecipient},
    };
    unsigned classes = 0;
    for (auto word : split_words(names, kListSeparators)) {
        const auto* found = std::ranges::find_if(
            kNames, [&](const auto& name) { return iequals(name.first, word); });
        if (found == std::end(kNames)) {
            log_fatal("unknown {} value \"{}\" in \"{}\"", title, word, names);
        }
        classes |= found->second;
    }
    return classes;
}

bool Mapping::changes(AddressClass where) const {
    for (const Canonical* table : {&sender_canonical_, &recipient_canonical_, &canonical_}) {
        if (!table->tables.empty() && (table->classes & where) != 0) {
            return true;
        }
    }
    return !masquerade_domains_.empty() && (masquerade_classes_ & where) != 0;
}

Task<AddressMatch> Mapping::find(const AddressTable& table, std::string address) {
    if (table.lookup.waits()) {
        co_return co_await table.lookup.lookup(std::move(address));
    }
    co_return table.lookup.find(address);
}

// Only of aliases the client, or who sent by the sendmail command, is told more than that.
void Mapping::fail_lookup(Message& message, const AddressTable& table, std::string_view of) const {
    log_warning("{}: {} map lookup problem{} -- message not accepted, try again later",
                message.id(), table.tables.title(), of);
    message.fail(kCleanupWrite, &table == &virtual_alias_ ? kExpansionError : "");
}

Task<Mapping::Answer> Mapping::look_up(Message& message, const AddressTable& table,
                                       std::string address, Extension extension) {
    Answer answer;
    AddressMatch match = co_await find(table, address);
    if (match.lookup.is_missing()) {
        co_return answer;
    }
    const std::string shown = printable(address);
    if (match.lookup.is_found()) {
        answer = co_await complete(message, match, std::move(address), extension);
        if (answer.outcome != Outcome::kFound || !answer.addresses.empty()) {
            co_return answer;
        }
        log_warning("{} lookup of {} returns non-address result \"{}\"", table.tables.title(),
                    shown, printable(match.lookup.value()));
    }
    fail_lookup(message, table, " for " + shown);
    answer.outcome = Outcome::kFailed;
    co_return answer;
}

// The addresses in a table's value, rewritten, with what the key did not cover.
Task<Mapping::Answer> Mapping::complete(Message& message, const AddressMatch& match,
                                        std::string address, Extension extension) {
    Answer answer;
    answer.outcome = Outcome::kFound;
    std::string value(trim(match.lookup.value()));
    bool whole_domain = value.starts_with('@') && !value.contains(',') && value.rfind('@') == 0;
    if (whole_domain) {
        value = quote_address(std::string(split_address(address).local) + value);
    }
    AddressList list = AddressList::parse(value);
    for (std::size_t i = 0; i < list.size(); ++i) {
        std::string external = list.external(i);
        if (external.empty()) {
            answer.addresses.emplace_back();
            continue;
        }
        auto rewritten = co_await rewriter_.external(RewriteContext::kLocal, std::move(external));
        if (!rewritten) {
            message.fail(kCleanupDefer, kExpansionError);
            answer.outcome = Outcome::kFailed;
            co_return answer;
        }
        std::string internal = unquote_address(*rewritten);
        if (extension == Extension::kPropagate && !match.extension.empty() && !whole_domain) {
            internal = with_extension(internal, match.extension);
        }
        answer.addresses.push_back(std::move(internal));
    }
    co_return answer;
}

Task<std::string> Mapping::map_once_and_again(Message& message, const Canonical& table,
                                              std::string address) {
    for (int depth = 0; depth < kCanonicalNesting; ++depth) {
        Answer answer = co_await look_up(message, table, address, canonical_extension_);
        if (answer.outcome != Outcome::kFound) {
            co_return address;
        }
        if (answer.addresses.size() > 1) {
            log_warning("{}: multi-valued {} entry for {}", message.id(), table.tables.title(),
                        printable(address));
        }
        bool same = iequals(answer.addresses.front(), address);
        address = std::move(answer.addresses.front());
        if (same) {
            co_return address;
        }
    }
    // What the log line says is Postfix's intention; it takes the message all the same.
    log_nesting(message, table.tables, "nesting", address);
    co_return address;
}

Task<std::string> Mapping::canonical(Message& message, AddressClass where, std::string address) {
    bool sender = (where & (kClassEnvelopeSender | kClassHeaderSender)) != 0;
    const Canonical& own = sender ? sender_canonical_ : recipient_canonical_;
    for (const Canonical* table : {&own, static_cast<const Canonical*>(&canonical_)}) {
        if (!table->tables.empty() && (table->classes & where) != 0) {
            address = co_await map_once_and_again(message, *table, std::move(address));
        }
    }
    if (!masquerade_domains_.empty() && (masquerade_classes_ & where) != 0) {
        address = masquerade(std::move(address));
    }
    co_return address;
}

// user@host.example.com to user@example.com for masquerade_domains = example.com.
std::string Mapping::masquerade(std::string address) const {
    AddressParts parts = split_address(address);
    if (!parts.has_domain) {
        return address;
    }
    std::string user = lowercase(parts.local);
    std::string domain = lowercase(parts.domain);
    if (std::ranges::find(masquerade_exceptions_, user) != masquerade_exceptions_.end()) {
        return address;
    }
    for (std::string_view parent : masquerade_domains_) {
        bool keep = parent.starts_with('!');
        parent.remove_prefix(keep ? 1 : 0);
        bool below = domain.size() > parent.size() && domain.ends_with(parent) &&
                     domain[domain.size() - parent.size() - 1] == '.';
        if (below || domain == parent) {
            if (below && !keep) {
                address.replace(parts.local.size() + 1, std::string::npos, parent);
            }
            return address;
        }
    }
    return address;
}

Task<std::vector<std::string>> Mapping::expand(Message& message, std::string address) {
    Expansion all;
    all.result.push_back(address);
    all.address = std::move(address);
    if (!virtual_alias_.tables.empty()) {
        bool more = true;
        for (std::size_t i = 0; more && i < all.result.size(); ++i) {
            more = co_await expand_entry(message, all, i) && !message.skipping();
        }
    }
    co_return std::move(all.result);
}

// An address of the result is looked up again until the tables have no more to say about it.
Task<bool> Mapping::expand_entry(Message& message, Expansion& all, std::size_t i) {
    auto expansion_limit = static_cast<std::size_t>(config_.virtual_alias_expansion_limit());
    for (int depth = 0;; ++depth) {
        bool too_many = all.result.size() > expansion_limit;
        if (too_many || depth >= config_.virtual_alias_recursion_limit()) {
            log_nesting(message, virtual_alias_.tables, too_many ? "expansion size" : "nesting",
                        all.address);
            message.fail(kCleanupDefer, kExpansionError);
            co_return false;
        }
        std::string before = lowercase(all.result[i]);
        if (all.itself.contains(before)) {
            co_return true;
        }
        Answer answer =
            co_await look_up(message, virtual_alias_, all.result[i], virtual_extension_);
        if (answer.outcome != Outcome::kFound) {
            co_return true;
        }
        if (!lengths_are_sane(message, answer.addresses)) {
            co_return false;
        }
        for (const std::string& found : answer.addresses) {
            if (lowercase(found) == before) {
                all.itself.insert(before);
            }
        }
        all.result[i] = answer.addresses.front();
        all.result.insert(all.result.end(), answer.addresses.begin() + 1, answer.addresses.end());
    }
}

bool Mapping::lengths_are_sane(Message& message, const std::vector<std::string>& found) const {
    auto limit = static_cast<std::size_t>(config_.virtual_alias_address_length_limit());
    for (const std::string& one : found) {
        if (one.size() > limit) {
            log_warning("{}: unreasonable {} result {}... -- message not accepted, try again later",
                        message.id(), virtual_alias_.tables.title(), printable(one.substr(0, 300)));
            message.fail(kCleanupDefer, kExpansionError);
            return false;
        }
    }
    return true;
}

Task<std::string> Mapping::bcc_of(Message& message, const AddressTable& table,
                                  std::string address) {
    if (table.tables.empty()) {
        co_return std::string();
    }
    AddressMatch match = co_await find(table, std::move(address));
    if (match.lookup.is_error()) {
        fail_lookup(message, table, "");
    }
    co_return match.lookup.is_found() ? std::string(match.lookup.value()) : std::string();
}

Task<std::string> Mapping::bcc_of_sender(Message& message, std::string address) {
    return bcc_of(message, sender_bcc_, std::move(address));
}

Task<std::string> Mapping::bcc_of_recipient(Message& message, std::string address) {
    return bcc_of(message, recipient_bcc_, std::move(address));
}

}  // namespace relais::cleanup
