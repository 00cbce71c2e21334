#include "lib/dns/resolver.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <unordered_map>

#include <ares.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/event/loop.h"
#include "lib/event/watch.h"
#include "lib/mail/hostname.h"

namespace relais {

namespace {

constexpr int kMostCnames = 10;

// The words of the C library's resolver, which Postfix logs.
constexpr std::string_view kHostNotFound = "Host not found";
constexpr std::string_view kTryAgain = "Host not found, try again";
constexpr std::string_view kNoRecovery = "Non-recoverable error";
constexpr std::string_view kNoData = "Host found but no data record of requested type";

DnsAnswer no_answer(DnsStatus status, const std::string& name, DnsType type, std::string_view why) {
    DnsAnswer answer;
    answer.status = status;
    answer.name = name;
    answer.reason =
        format("Host or domain name not found. Name service error for name={} type={}: {}", name,
               dns_type_name(type), why);
    answer.no_data = why == kNoData;
    return answer;
}

// A query under way.  It is owned by c-ares until the callback, so that a caller who was cancelled
// may go first.
struct Pending {
    Wait* waiter = nullptr;
    bool done = false;
    int status = ARES_SUCCESS;
    std::string reply;
};

using PendingPtr = std::shared_ptr<Pending>;

void on_reply(void* argument, int status, int /*timeouts*/, unsigned char* bytes, int size) {
    std::unique_ptr<PendingPtr> owner(static_cast<PendingPtr*>(argument));
    Pending& pending = **owner;
    pending.done = true;
    pending.status = status;
    if (bytes != nullptr && size > 0) {
        pending.reply.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    if (pending.waiter != nullptr) {
        pending.waiter->wake();
    }
}

}  // namespace

// c-ares on the event loop: its sockets and its timer.
class Resolver::Channel {
  public:
    explicit Channel(const ResolverOptions& options);

    ~Channel() {
        ares_destroy(channel_);
        ares_library_cleanup();
    }

    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void send(const std::string& query, const PendingPtr& pending);
    std::vector<std::string> search_domains() const;

  private:
    struct Watch {
        std::unique_ptr<FdWatch> read, write;
    };

    static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
    void process(ares_socket_t readable, ares_socket_t writable);
    void set_timer();

    // Declared first, so that it outlives the channel, which closes its sockets when it goes.
    std::unordered_map<int, Watch> watches_;
    Timer timer_{[this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }};
    ares_channel channel_ = nullptr;
};

namespace {

// How long and how often a server is asked.  The library has other defaults than resolv.conf(5),
// and other names for these two options.
struct Patience {
    int seconds = 5;
    int tries = 2;

    // "options timeout:3 attempts:4", as resolv.conf and RES_OPTIONS have them.
    void read(std::string_view options) {
        for (const auto word : split_words(options, " \t")) {
            const auto colon = word.find(':');
            const auto number =
                parse_uint(colon == std::string_view::npos ? "" : word.substr(colon + 1));
            if (number && word.starts_with("timeout:")) {
                seconds = static_cast<int>(std::clamp<std::uint64_t>(*number, 1, 30));
            } else if (number && word.starts_with("attempts:")) {
                tries = static_cast<int>(std::clamp<std::uint64_t>(*number, 1, 5));
            }
        }
    }
};

Patience system_patience() {
    Patience patience;
    if (const auto text = read_file("/etc/resolv.conf")) {
        for (const auto line : split_words(*text, "\n")) {
            if (line.starts_with("options")) {
                patience.read(line);
            }
        }
    }
    if (const char* options = std::getenv("RES_OPTIONS"); options != nullptr) {
        patience.read(options);
    }
    return patience;
}

}  // namespace

Resolver::Channel::Channel(const ResolverOptions& options) {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        log_fatal("cannot initialize the resolver library");
    }
    ares_options setup{};
    // STAYOPEN: one socket for many queries.
    setup.flags = ARES_FLAG_STAYOPEN | ARES_FLAG_NOSEARCH;
    setup.sock_state_cb = &Channel::on_socket;
    setup.sock_state_cb_data = this;
    const auto patience = system_patience();
    setup.timeout = options.timeout.count() > 0 ? static_cast<int>(options.timeout.count())
                                                : patience.seconds * 1000;
    setup.tries = options.tries > 0 ? options.tries : patience.tries;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    if (int status = ares_init_options(&channel_, &setup, mask); status != ARES_SUCCESS) {
        log_fatal("cannot initialize the resolver: {}", ares_strerror(status));
    }
    if (!options.servers.empty()) {
        std::string list;
        for (std::string_view server : split_words(options.servers, " \t\r\n,")) {
            list += (list.empty() ? "" : ",") + std::string(server);
        }
        if (ares_set_servers_ports_csv(channel_, list.c_str()) != ARES_SUCCESS) {
            log_fatal("malformed list of DNS servers: \"{}\"", options.servers);
        }
    }
}

void Resolver::Channel::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto* channel = static_cast<Channel*>(self);
    if (readable == 0 && writable == 0) {
        channel->watches_.erase(fd);
        return;
    }
    Watch& watch = channel->watches_[fd];
    auto want = [&](std::unique_ptr<FdWatch>& one, bool wanted, FdWatch::What what) {
        if (!wanted) {
            one.reset();
        } else if (!one) {
            bool read = what == FdWatch::What::kReadable;
            one = std::make_unique<FdWatch>(fd, what, [channel, fd, read] {
                channel->process(read ? fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : fd);
            });
            one->start();
        }
    };
    want(watch.read, readable != 0, FdWatch::What::kReadable);
    want(watch.write, writable != 0, FdWatch::What::kWritable);
}

void Resolver::Channel::process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel_, readable, writable);
    set_timer();
}

void Resolver::Channel::set_timer() {
    timeval time{};
    if (ares_timeout(channel_, nullptr, &time) != nullptr) {
        // Rounded up: a timer that is early finds nothing to do.
        timer_.start(std::chrono::milliseconds(time.tv_sec * 1000 + (time.tv_usec + 999) / 1000));
    } else {
        timer_.stop();
    }
}

void Resolver::Channel::send(const std::string& query, const PendingPtr& pending) {
    auto argument = std::make_unique<PendingPtr>(pending);
    ares_send(channel_, reinterpret_cast<const unsigned char*>(query.data()),
              static_cast<int>(query.size()), on_reply, argument.release());
    set_timer();
}

std::vector<std::string> Resolver::Channel::search_domains() const {
    ares_options saved{};
    int mask = 0;
    std::vector<std::string> domains;
    if (ares_save_options(channel_, &saved, &mask) == ARES_SUCCESS) {
        for (int i = 0; i < saved.ndomains; ++i) {
            domains.emplace_back(saved.domains[i]);
        }
        ares_destroy_options(&saved);
    }
    return domains;
}

Resolver::Resolver(const ResolverOptions& options)
    : channel_(std::make_unique<Channel>(options)),
      hosts_(options.hosts_file),
      search_domains_(channel_->search_domains()) {
}

Resolver::~Resolver() = default;

// One question and its answer: either an answer for the caller, or the name to ask for next.
struct Resolver::Step {
    DnsAnswer answer;
    std::string next_name;
};

namespace {

Task<PendingPtr> await_reply(PendingPtr pending) {
    if (!pending->done) {
        Wait wait;
        pending->waiter = &wait;
        try {
            co_await wait;
        } catch (...) {
            pending->waiter = nullptr;
            throw;
        }
        pending->waiter = nullptr;
    }
    co_return pending;
}

DnsAnswer failed_answer(int status, const std::string& name, DnsType type) {
    if (status == ARES_EFORMERR || status == ARES_EBADQUERY) {
        return no_answer(DnsStatus::kFailed, name, type, kNoRecovery);
    }
    return no_answer(DnsStatus::kTemporary, name, type, kTryAgain);
}

DnsAnswer loop_answer(const std::string& name, DnsType type) {
    log_warning("dns_lookup: Name server loop for {}", name);
    return no_answer(DnsStatus::kNotFound, name, type, format("Name server loop for {}", name));
}

// Where the CNAMEs of this message lead from `name`; nothing if they go on and on.
std::optional<std::string> follow_cnames(const DnsMessage& message, std::string name) {
    for (int hops = 0; hops < kMostCnames; ++hops) {
        auto found = std::find_if(
            message.answers.begin(), message.answers.end(), [&](const DnsRecord& record) {
                return record.type == DnsType::kCname && iequals(record.owner, name);
            });
        if (found == message.answers.end()) {
            return name;
        }
        name = found->text;
    }
    return std::nullopt;
}

bool names_something(const DnsRecord& record) {
    switch (record.type) {
        case DnsType::kMx:
        case DnsType::kPtr:
        case DnsType::kCname:
            return is_hostname(record.text) || is_ip_address(record.text);
        case DnsType::kSrv:
            return record.text == "." || is_hostname(record.text);
        default:
            return true;
    }
}

// The records of one type and owner.  Names that no host can have are left out, with a warning.
DnsAnswer collect(DnsMessage& message, const std::string& asked, const std::string& owner,
                  DnsType type) {
    DnsAnswer answer;
    answer.name = owner;
    answer.authentic = message.authentic;
    std::size_t unusable = 0;
    for (DnsRecord& record : message.answers) {
        if (record.type != type || !iequals(record.owner, owner)) {
            continue;
        }
        if (names_something(record)) {
            answer.records.push_back(std::move(record));
        } else if (type == DnsType::kMx && record.text == "." && record.preference == 0) {
            answer.status = DnsStatus::kNullMx;
            ++unusable;
        } else {
            log_warning("malformed domain name in resource data of {} record for {}: {}",
                        dns_type_name(type), owner, record.text);
            ++unusable;
        }
    }
    if (!answer.records.empty()) {
        answer.status = DnsStatus::kFound;
        return answer;
    }
    if (answer.status == DnsStatus::kNullMx) {
        answer.reason = format("Domain {} does not accept mail (nullMX)", asked);
        return answer;
    }
    return unusable > 0 ? no_answer(DnsStatus::kMalformed, asked, type,
                                    "Malformed or unexpected name server reply")
                        : no_answer(DnsStatus::kNotFound, asked, type, kNoData);
}

}  // namespace

Task<Resolver::Step> Resolver::ask(std::string name, DnsType type, DnsValidation validation) {
    Step step;
    auto query = build_dns_query(name, type, validation);
    if (!query) {
        step.answer = no_answer(DnsStatus::kMalformed, name, type, query.error().message);
        co_return std::move(step);
    }
    auto pending = std::make_shared<Pending>();
    channel_->send(*query, pending);
    co_await await_reply(pending);
    if (pending->status != ARES_SUCCESS && pending->reply.empty()) {
        step.answer = failed_answer(pending->status, name, type);
        co_return std::move(step);
    }
    auto message = parse_dns_message(pending->reply);
    if (!message) {
        step.answer = no_answer(DnsStatus::kTemporary, name, type, "");
        step.answer.reason = format(
            "Name service error for name={} type={}: Malformed or unexpected name server reply",
            name, dns_type_name(type));
        co_return std::move(step);
    }
    switch (message->rcode) {
        case DnsRcode::kNoError:
            break;
        case DnsRcode::kNoSuchName:
            step.answer = no_answer(DnsStatus::kNotFound, name, type, kHostNotFound);
            step.answer.authentic = message->authentic;
            step.answer.negative_ttl = message->negative_ttl;
            co_return std::move(step);
        case DnsRcode::kFormatError:
            step.answer = no_answer(DnsStatus::kFailed, name, type, kNoRecovery);
            co_return std::move(step);
        default:
            step.answer = no_answer(DnsStatus::kTemporary, name, type, kTryAgain);
            co_return std::move(step);
    }
    const auto owner = type == DnsType::kCname ? name : follow_cnames(*message, name);
    if (!owner) {
        step.answer = loop_answer(name, type);
        co_return std::move(step);
    }
    step.answer = collect(*message, name, *owner, type);
    step.answer.authentic = message->authentic;
    step.answer.negative_ttl = message->negative_ttl;
    if (step.answer.status == DnsStatus::kNotFound && *owner != name) {
        step.next_name = *owner;
    }
    co_return std::move(step);
}

// "name. TTL IN TYPE data", as filters see it.
static std::string record_text(const DnsRecord& record) {
    std::string data = record.text;
    const bool is_name = record.type == DnsType::kMx || record.type == DnsType::kNs ||
                         record.type == DnsType::kPtr || record.type == DnsType::kCname;
    data += is_name && !data.ends_with('.') ? "." : "";
    if (record.type == DnsType::kMx) {
        data = format("{} {}", record.preference, data);
    } else if (record.type == DnsType::kSrv) {
        data = format("{} {} {} {}", record.preference, record.weight, record.port, data);
    }
    return format("{}. {} IN {} {}", record.owner, record.ttl, dns_type_name(record.type), data);
}

Task<DnsAnswer> Resolver::filtered(DnsAnswer answer, std::string name, DnsType type) {
    std::vector<DnsRecord> kept;
    std::string_view wrong;
    for (auto& record : answer.records) {
        const auto fate = co_await filter_(record_text(record));
        if (fate == RecordFate::kUnknown) {
            wrong = "Invalid DNS reply filter syntax";
            break;
        }
        if (fate == RecordFate::kKeep) {
            kept.push_back(std::move(record));
        }
    }
    answer.filtered = wrong.empty() && kept.empty();
    if (answer.filtered) {
        wrong = "DNS reply filter drops all results";
    }
    if (!wrong.empty()) {
        answer.status = answer.filtered ? DnsStatus::kFailed : DnsStatus::kTemporary;
        answer.reason =
            format("Error looking up name={} type={}: {}", name, dns_type_name(type), wrong);
        kept.clear();
    }
    answer.records = std::move(kept);
    co_return answer;
}

// The names to try for one that may not be whole, in their order.
std::vector<std::string> Resolver::completed(const std::string& name) const {
    const bool dotted = name.find('.') != std::string::npos;
    std::vector<std::string> names;
    if (dotted ? completion_.search_list : completion_.default_domain) {
        for (const std::string& domain : search_domains_) {
            names.push_back(format("{}.{}", name, domain));
            if (!completion_.search_list) {
                break;
            }
        }
    }
    names.insert(dotted ? names.begin() : names.end(), name);
    return names;
}

Task<DnsAnswer> Resolver::lookup(std::string name, DnsType type, DnsValidation validation) {
    const bool is_address = type == DnsType::kA || type == DnsType::kAaaa;
    const bool completes = completion_.default_domain || completion_.search_list;
    return is_address && completes ? look_up_completed(std::move(name), type, validation)
                                   : look_up_whole(std::move(name), type, validation);
}

Task<DnsAnswer> Resolver::look_up_completed(std::string name, DnsType type,
                                            DnsValidation validation) {
    const auto names = completed(name);
    DnsAnswer as_it_is;
    bool no_data = false;
    for (const std::string& one : names) {
        DnsAnswer answer = co_await look_up_whole(one, type, validation);
        if (answer.found() || (one == name && answer.status != DnsStatus::kNotFound)) {
            co_return std::move(answer);
        }
        if (answer.status != DnsStatus::kNotFound) {
            co_return no_answer(answer.status, name, type, kTryAgain);
        }
        no_data = no_data || answer.no_data;
        if (one == name) {
            as_it_is = std::move(answer);
        }
    }
    // That there is such a name, though without an address, tells more.
    if (no_data && !as_it_is.no_data) {
        as_it_is = no_answer(DnsStatus::kNotFound, name, type, kNoData);
    }
    co_return std::move(as_it_is);
}

Task<DnsAnswer> Resolver::look_up_whole(std::string name, DnsType type, DnsValidation validation) {
    DnsAnswer answer = co_await look_up_unfiltered(name, type, validation);
    if (!filter_ || !answer.found()) {
        co_return std::move(answer);
    }
    co_return co_await filtered(std::move(answer), std::move(name), type);
}

Task<DnsAnswer> Resolver::look_up_unfiltered(std::string name, DnsType type,
                                             DnsValidation validation) {
    if (!is_ascii(name) ||
        (!is_hostname(name) && name != "." && type != DnsType::kTlsa && type != DnsType::kTxt &&
         type != DnsType::kSrv && type != DnsType::kPtr)) {
        DnsAnswer answer;
        answer.status = DnsStatus::kNotFound;
        answer.name = name;
        answer.reason =
            format("Name service error for {}: invalid host or domain name", printable(name));
        co_return std::move(answer);
    }
    std::string asked = name;
    bool authentic = true;
    for (int hops = 0; hops < kMostCnames; ++hops) {
        Step step = co_await ask(asked, type, validation);
        authentic = authentic && step.answer.authentic;
        if (step.next_name.empty()) {
            step.answer.authentic = authentic;
            co_return std::move(step.answer);
        }
        asked = std::move(step.next_name);
    }
    co_return loop_answer(name, type);
}

}  // namespace relais
