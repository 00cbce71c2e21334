// How tables of mail addresses are searched: the whole address, without its extension, the local
// part of a local domain, "@domain".  canonical, virtual alias, relocated, generic and mailbox
// tables use it, each with the forms that it wants.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/maps/table_set.h"
#include "lib/rules/local_domains.h"

namespace relais {

// Which forms of an address are tried, in this order.
namespace find_form {
inline constexpr unsigned kFull = 1U << 0;              // user+ext@domain
inline constexpr unsigned kNoExtension = 1U << 1;       // user@domain
inline constexpr unsigned kLocalPartIfLocal = 1U << 2;  // user+ext, user: where the domain is ours
inline constexpr unsigned kLocalPartAtIfLocal = 1U << 3;  // user+ext@, user@: the same
inline constexpr unsigned kLocalPartAt = 1U << 4;         // user+ext@, user@
inline constexpr unsigned kAtDomain = 1U << 5;            // @domain
inline constexpr unsigned kDomain = 1U << 6;              // domain
inline constexpr unsigned kDottedParents = 1U << 7;       // .parent, .grandparent
inline constexpr unsigned kPlainParents = 1U << 8;        // parent, grandparent
inline constexpr unsigned kDefault = kFull | kNoExtension | kLocalPartIfLocal | kAtDomain;
}  // namespace find_form

// Tables hold addresses in the external form ("a b"@example.com) by habit; older ones the internal.
enum class KeyForm {
    kInternal,
    kExternal,
    kExternalFirst,  // then the internal form, where it differs
};

struct AddressMatch {
    Lookup lookup = Lookup::not_found();
    std::string extension;  // "+news": what the address had beyond the key that was found
};

class AddressLookup {
  public:
    // `local` answers which domains are ours; null where no form asks for it.
    AddressLookup(const TableSet* tables, const LocalDomains* local,
                  unsigned forms = find_form::kDefault, KeyForm key_form = KeyForm::kExternalFirst);

    bool waits() const { return tables_->waits() || (local_ != nullptr && local_->waits()); }

    // `address` is in the internal form.  Blocks where a table waits.
    AddressMatch find(std::string_view address) const {
        return run_inline(search(std::string(address), Waiting::kBlock));
    }

    // For daemons that serve many.
    [[nodiscard]] Task<AddressMatch> lookup(std::string address) const {
        return search(std::move(address), Waiting::kSuspend);
    }

  private:
    struct Key {
        std::string text;
        KeyKind kind = KeyKind::kPartial;
        std::string lost_extension;
    };

    struct Parts;

    [[nodiscard]] Task<AddressMatch> search(std::string address, Waiting waiting) const;
    [[nodiscard]] Task<AddressMatch> try_keys(const std::vector<Key>* keys, Waiting waiting) const;
    [[nodiscard]] Task<Match> is_local(std::string domain, Waiting waiting) const;
    static Parts take_apart(std::string address);
    std::vector<Key> first_keys(const Parts& parts) const;
    std::vector<Key> later_keys(const Parts& parts, Match local) const;
    void add_local_parts(std::vector<Key>& keys, const Parts& parts, std::string_view after) const;
    std::vector<std::string> key_texts(const Key& key) const;

    const TableSet* tables_;
    const LocalDomains* local_;
    unsigned forms_;
    KeyForm key_form_;
};

}  // namespace relais
