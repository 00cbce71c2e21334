// DNS lookups on the event loop.  A daemon makes one Resolver before it enters its chroot, where
// resolv.conf can be read, and keeps it for its life.
//
// A lookup never fails with an error: what did not work is a kind of answer, with the reason in the
// words that Postfix puts into logs and bounces.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/dns/dns_message.h"
#include "lib/dns/hosts_file.h"
#include "lib/event/task.h"

namespace relais {

struct ResolverOptions {
    ResolverOptions() = default;

    // "127.0.0.1:5353, [::1]:53"; empty: those of /etc/resolv.conf.
    std::string servers;
    // Per try and how many tries; 0: what resolv.conf says.
    std::chrono::milliseconds timeout{0};
    int tries = 0;
    std::string hosts_file = "/etc/hosts";
};

enum class DnsStatus {
    kFound,
    kNotFound,   // no such name, or no record of this type
    kNullMx,     // RFC 7505: the domain takes no mail
    kTemporary,  // no server answered, or it could not find out
    kFailed,     // the server refuses or does not understand
    kMalformed,  // an answer that makes no sense, or a name that can't be looked up
};

struct DnsAnswer {
    DnsStatus status = DnsStatus::kTemporary;
    bool authentic = false;          // validated by the resolver, over the whole CNAME chain
    std::string name;                // where CNAMEs lead to
    std::vector<DnsRecord> records;  // of the type asked for
    std::string reason;              // why not kFound
    std::optional<std::uint32_t> negative_ttl;  // kNotFound: how long that is good, in seconds

    bool no_data = false;   // kNotFound: the name exists
    bool filtered = false;  // kFailed: the filter of answers left nothing

    bool found() const { return status == DnsStatus::kFound; }
};

// What becomes of a record of an answer, "name. TTL IN TYPE data".
enum class RecordFate { kKeep, kDrop, kUnknown };
using ReplyFilter = std::function<Task<RecordFate>(std::string record)>;

// How hosts' names that are not whole are completed when addresses are looked up: those without a
// dot are looked up in the default domain of resolv.conf (RES_DEFNAMES), those with one that do not
// exist in all domains of its search list (RES_DNSRCH); with both, so are those without a dot.
struct NameCompletion {
    bool default_domain = false;
    bool search_list = false;
};

class Resolver {
  public:
    explicit Resolver(const ResolverOptions& options = ResolverOptions());
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // Follows CNAMEs.  `name` must be ASCII; "." is the root.
    [[nodiscard]] Task<DnsAnswer> lookup(std::string name, DnsType type,
                                         DnsValidation validation = DnsValidation::kNone);

    // The same for a name that is whole, as the C library does it: the filter has no say.
    [[nodiscard]] Task<DnsAnswer> look_up_unfiltered(
        std::string name, DnsType type, DnsValidation validation = DnsValidation::kNone);

    // From now on the records of all answers of lookup() are shown to `filter`
    // (smtpd_dns_reply_filter).  Where it drops all of them or knows no answer, the lookup has
    // failed.
    void set_filter(ReplyFilter filter) { filter_ = std::move(filter); }

    // From now on names are completed, which they are not by default.
    void set_completion(NameCompletion completion) { completion_ = completion; }

    HostsFile& hosts() { return hosts_; }

    // The search list of resolv.conf, for names that are not fully qualified.
    const std::vector<std::string>& search_domains() const { return search_domains_; }

  private:
    class Channel;

    struct Step;
    [[nodiscard]] Task<Step> ask(std::string name, DnsType type, DnsValidation validation);

    std::vector<std::string> completed(const std::string& name) const;
    [[nodiscard]] Task<DnsAnswer> look_up_completed(std::string name, DnsType type,
                                                    DnsValidation validation);
    [[nodiscard]] Task<DnsAnswer> look_up_whole(std::string name, DnsType type,
                                                DnsValidation validation);

    [[nodiscard]] Task<DnsAnswer> filtered(DnsAnswer answer, std::string name, DnsType type);

    std::unique_ptr<Channel> channel_;
    ReplyFilter filter_;
    NameCompletion completion_;
    HostsFile hosts_;
    std::vector<std::string> search_domains_;
};

}  // namespace relais
