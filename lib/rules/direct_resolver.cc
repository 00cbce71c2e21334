#include "lib/rules/direct_resolver.h"

#include <algorithm>
#include <array>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/services.h"
#include "lib/config/values.h"
#include "lib/mail/address.h"
#include "lib/maps/inline_task.h"
#include "lib/maps/registry.h"
#include "lib/maps/shared_tables.h"

namespace relais {

namespace {

constexpr auto kLookAgain = std::chrono::seconds(1);
// Answers that are kept so long: smtpd asks several times about a recipient, and mail comes in
// runs.
constexpr std::size_t kMostAnswers = 200;

constexpr std::array<std::string_view, 8> kLists = {"mydestination",
                                                    "virtual_alias_domains",
                                                    "virtual_mailbox_domains",
                                                    "relay_domains",
                                                    "relocated_maps",
                                                    "transport_maps",
                                                    "sender_dependent_relayhost_maps",
                                                    "sender_dependent_default_transport_maps"};

// What an answer depends on beside kLists.
constexpr std::array<std::string_view, 22> kValues = {
    "local_transport",
    "virtual_transport",
    "relay_transport",
    "default_transport",
    "relayhost",
    "recipient_delimiter",
    "myhostname",
    "mydomain",
    "inet_interfaces",
    "inet_protocols",
    "proxy_interfaces",
    "parent_domain_matches_subdomains",
    "empty_address_relayhost_maps_lookup_key",
    "empty_address_default_transport_maps_lookup_key",
    "show_user_unknown_table_name",
    "helpful_warnings",
    "relocated_prefix_enable",
    "allow_min_user",
    "resolve_dequoted_address",
    "resolve_null_domain",
    "resolve_numeric_domain",
    "smtputf8_enable"};

// A table that answers at once, says nothing when it is opened, and can be opened.
bool is_quiet_table(std::string_view item) {
    auto reference = parse_table_reference(item);
    if (!reference) {
        return false;
    }
    const std::string& type = reference->type;
    if (type == "inline" || type == "static") {
        return true;
    }
    bool in_db = type == "hash" || type == "btree";
    if (!in_db && type != "lmdb" && type != "cdb") {
        return false;
    }
    std::string file = reference->name + "." + (in_db ? "db" : type);
    return reference->name.starts_with('/') && ::access(file.c_str(), R_OK) == 0;
}

bool is_quiet_list(std::string_view list) {
    return std::ranges::all_of(split_list(list), [](std::string_view item) {
        item.remove_prefix(std::min(item.find_first_not_of('!'), item.size()));
        bool table = item.contains(':') && !item.starts_with('[');
        return table ? is_quiet_table(item) : !item.starts_with('/');
    });
}

// The service is trivial-rewrite as main.cf alone makes it, and this process has the same settings.
bool is_as_configured() {
    const std::string& service = conf().rewrite_service_name();
    auto services = load_services(conf());
    if (!services) {
        return false;
    }
    auto line = std::ranges::find_if(*services, [&](const MasterService& one) {
        return one.name == service && one.type == ServiceType::kUnix;
    });
    if (line == services->end() || line->command != "trivial-rewrite" || !line->arguments.empty()) {
        return false;
    }
    auto theirs = Config::load({.directory = conf().config_directory(),
                                .process_name = "trivial-rewrite",
                                .service_name = service,
                                .settings = {}});
    auto same = [&](std::string_view name) { return theirs->find(name) == conf().find(name); };
    return theirs && std::ranges::all_of(kLists, same) && std::ranges::all_of(kValues, same);
}

bool differs(const timespec& a, const timespec& b) {
    return std::pair(a.tv_sec, a.tv_nsec) != std::pair(b.tv_sec, b.tv_nsec);
}

}  // namespace

std::unique_ptr<DirectResolver> DirectResolver::make(Lifetime lifetime) {
    auto quiet = [](std::string_view name) { return is_quiet_list(*conf().find(name)); };
    if (!std::ranges::all_of(kLists, quiet) || !is_as_configured()) {
        return nullptr;
    }
    return std::unique_ptr<DirectResolver>(new DirectResolver(lifetime));
}

DirectResolver::DirectResolver(Lifetime lifetime) : lifetime_(lifetime) {
    std::vector<std::string> paths = conf().files();
    paths.push_back(conf().config_directory() + "/master.cf");
    for (std::string& path : paths) {
        struct stat info{};
        if (::stat(path.c_str(), &info) == 0) {
            files_.push_back({std::move(path), info.st_mtim});
        }
    }
}

// trivial-rewrite ends from time to time, and with it what it has read.
bool DirectResolver::is_current() {
    if (lifetime_ == Lifetime::kBounded || outdated_) {
        return !outdated_;
    }
    auto now = std::chrono::steady_clock::now();
    if (now - looked_ < kLookAgain) {
        return true;
    }
    looked_ = now;
    outdated_ =
        changed_shared_table() || std::ranges::any_of(files_, [](const File& file) {
            struct stat info{};
            return ::stat(file.path.c_str(), &info) != 0 || differs(info.st_mtim, file.changed);
        });
    return !outdated_;
}

std::optional<Resolved> DirectResolver::resolve(const std::string& sender,
                                                const std::string& address) {
    // What rewriting would have a say in is left to the service.
    if (!is_plain_address(address) || !address.contains('@') || !is_current()) {
        return std::nullopt;
    }
    const std::string key = sender + '\0' + address;
    if (const Resolved* known = remembered(key)) {
        return *known;
    }
    Resolved answer = run_inline(resolver_.resolve(sender, address));
    if (answer.failed()) {
        return std::nullopt;
    }
    answers_.emplace(key, answer);
    return answer;
}

const Resolved* DirectResolver::remembered(const std::string& key) {
    const auto now = std::chrono::steady_clock::now();
    if (now - remembers_since_ >= kLookAgain || answers_.size() >= kMostAnswers) {
        answers_.clear();
        remembers_since_ = now;
    }
    auto found = answers_.find(key);
    return found == answers_.end() ? nullptr : &found->second;
}

}  // namespace relais
