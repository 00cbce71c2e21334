// Where mail for an address goes: the transport, the next hop, the recipient in standard form and
// its address class.  This is what trivial-rewrite(8) does for "resolve" requests; it holds open
// every table and list that has a say.
#pragma once

#include <string>

#include "lib/event/task.h"
#include "lib/ipc/rewrite_client.h"
#include "lib/maps/match_list.h"
#include "lib/maps/table_set.h"
#include "lib/rules/address_lookup.h"
#include "lib/rules/address_rewriter.h"
#include "lib/rules/local_domains.h"
#include "lib/rules/transport_table.h"

namespace relais {

// The domain lists and tables that are the same for every purpose.
struct ResolverLists {
    // From the configuration.
    ResolverLists();

    AddressRewriter rewriter;
    LocalDomains local;
    MatchList virtual_alias_domains;
    MatchList virtual_mailbox_domains;
    MatchList relay_domains;
    TableSet relocated;
};

// What becomes of warnings.  kNone: what would need one is not answered (Resolved::failed()).
enum class Remarks { kLogged, kNone };

class AddressResolver {
  public:
    // kVerification takes the address_verify_ parameters.  `lists` must outlive the resolver.
    AddressResolver(const ResolverLists* lists, ResolveFor purpose,
                    Remarks remarks = Remarks::kLogged);
    AddressResolver(const AddressResolver&) = delete;
    AddressResolver& operator=(const AddressResolver&) = delete;

    // Both addresses in internal form.  The resolver must outlive the task.
    [[nodiscard]] Task<Resolved> resolve(std::string sender, std::string address) const;

    // Finds out early whether the transport tables work.
    [[nodiscard]] Task<void> try_out() const { return transports_.try_out(); }

  private:
    // A parameter's value and its name, which messages blame.
    struct Setting {
        std::string name;
        std::string value;
    };

    struct Choice;

    Setting setting(std::string_view name) const;
    [[nodiscard]] Task<bool> choose(std::string sender, Choice* choice) const;
    [[nodiscard]] Task<bool> choose_remote(std::string sender, Choice* choice) const;
    void remark(const std::string& text) const;
    // Warns of a domain that other lists have too.  False: that was not to be.
    [[nodiscard]] Task<bool> check_overlaps(std::string domain, int found_in) const;
    // The value for the sender, or `otherwise`; nothing where a table failed.
    [[nodiscard]] Task<std::optional<std::string>> by_sender(const TableSet* tables,
                                                             std::string sender,
                                                             std::string otherwise) const;
    bool complete(Choice& choice) const;
    [[nodiscard]] Task<bool> ask_tables(Choice* choice) const;

    const ResolverLists* lists_;
    Remarks remarks_;
    std::string prefix_;  // "address_verify_" or nothing
    Setting local_transport_;
    Setting virtual_transport_;
    Setting relay_transport_;
    Setting default_transport_;
    std::string relayhost_;
    TableSet sender_relayhosts_;
    TableSet sender_transports_;
    TransportTable transports_;
};

}  // namespace relais
