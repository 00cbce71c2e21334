// Where mail for an address goes, without a question to trivial-rewrite(8): it saves smtpd and qmgr
// a conversation for each recipient.  The answers are those of trivial-rewrite, which is asked
// wherever they might not be: see direct_resolver.cc.
#pragma once

#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/ipc/rewrite_client.h"
#include "lib/rules/address_resolver.h"

namespace relais {

class DirectResolver {
  public:
    // How long the process lives: one without an end looks whether the configuration has changed.
    enum class Lifetime { kBounded, kEndless };

    // Opens the tables: before the jail.  Null where trivial-rewrite has to be asked.
    [[nodiscard]] static std::unique_ptr<DirectResolver> make(Lifetime lifetime);

    // Both addresses in internal form.  Nothing where trivial-rewrite has to be asked.
    std::optional<Resolved> resolve(const std::string& sender, const std::string& address);

  private:
    struct File {
        std::string path;
        timespec changed;
    };

    explicit DirectResolver(Lifetime lifetime);
    bool is_current();
    // What was answered within this second; null where it was not asked.
    const Resolved* remembered(const std::string& key);

    Lifetime lifetime_;
    bool outdated_ = false;
    std::chrono::steady_clock::time_point looked_;
    std::chrono::steady_clock::time_point remembers_since_;
    std::unordered_map<std::string, Resolved> answers_;
    std::vector<File> files_;
    ResolverLists lists_;
    AddressResolver resolver_{&lists_, ResolveFor::kDelivery, Remarks::kNone};
};

}  // namespace relais
