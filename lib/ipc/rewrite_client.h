// The client side of trivial-rewrite(8): puts addresses into standard form, and resolves them to
// the transport, next hop and recipient that mail for them goes to.  smtpd, cleanup, qmgr and local
// ask; answers are kept for 30 seconds, as Postfix's clients do.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "lib/base/result.h"
#include "lib/ipc/service_client.h"

namespace relais {

inline constexpr std::string_view kRewriteProtocol = "trivial_rewrite_protocol";

// Bits of Resolved::flags.
enum ResolveFlag : int {
    kResolveRouted = 2,          // explicitly routed address (user%domain@domain, a@b@c)
    kResolveError = 4,           // bad address syntax
    kResolveFail = 8,            // a table could not be read: try later
    kResolveLocal = 256,         // the address class: mydestination and friends
    kResolveVirtualAlias = 512,  // virtual_alias_domains
    kResolveVirtualMailbox = 1024,
    kResolveRelay = 2048,
    kResolveDefault = 4096,
    kResolveClasses = 256 | 512 | 1024 | 2048 | 4096,
};

struct Resolved {
    std::string transport;
    std::string nexthop;
    std::string recipient;
    int flags = 0;

    bool failed() const { return (flags & kResolveFail) != 0; }

    bool bad_address() const { return (flags & kResolveError) != 0; }

    int address_class() const { return flags & kResolveClasses; }

    // Mail for it is delivered here; and: here, or by relaying for its domain.
    bool is_final() const {
        return (flags & (kResolveLocal | kResolveVirtualAlias | kResolveVirtualMailbox)) != 0;
    }

    bool is_ours() const { return is_final() || (flags & kResolveRelay) != 0; }
};

enum class RewriteContext { kLocal, kRemote };
enum class ResolveFor { kDelivery, kVerification };

// Answers without asking, or nothing.
using ResolveShortcut =
    std::function<std::optional<Resolved>(const std::string& sender, const std::string& address)>;

class RewriteClient {
  public:
    // The service and its time limits come from conf(); qmgr has a `timeout` of its own.
    RewriteClient();
    explicit RewriteClient(std::chrono::milliseconds timeout);

    // `address` in external (quoted) form; the result too.
    [[nodiscard]] Task<Result<std::string>> rewrite(RewriteContext context, std::string address);

    // Both addresses in internal form.  kVerification uses the address_verify_* overrides.
    [[nodiscard]] Task<Result<Resolved>> resolve(std::string sender, std::string address,
                                                 ResolveFor purpose = ResolveFor::kDelivery);

    // Is asked first for where mail is to be delivered to.
    void use_shortcut(ResolveShortcut shortcut) { shortcut_ = std::move(shortcut); }

  private:
    struct Kept {
        Resolved answer;  // rewrite() keeps its address in `recipient`
        Deadline until;
    };

    const Resolved* find(const std::string& key) const;
    void keep(std::string key, const Resolved& answer);

    ServiceClient client_;
    ResolveShortcut shortcut_;
    std::unordered_map<std::string, Kept> kept_;
};

}  // namespace relais
