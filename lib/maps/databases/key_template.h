// The %-templates of SQL, LDAP and memcache tables: how a key becomes a query, and a value that the
// server returned becomes part of the result.
//
//   %s  the key (in a result template: the value)       %S  always the key
//   %u %d  its local part and its domain                %U %D  those of the key
//   %1 ... %9  the labels of the key's domain, the last one first
//   %%  a percent sign
//
// All templates of one table share what they ask of a key: a key without a domain is not searched
// where any of them uses the domain.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// Appends `text` in a form in which the server takes it for nothing but data.  False where that is
// not possible.
using Quote = std::function<bool(std::string_view text, std::string& out)>;

// Appends it as it is.
bool quote_nothing(std::string_view text, std::string& out);

class KeyTemplates {
  public:
    enum class Use { kQuery, kResult };

    // `title` names the table's configuration in messages, `reference` is type:name.
    KeyTemplates(std::string title, std::string reference)
        : title_(std::move(title)), reference_(std::move(reference)) {}

    // Checks a template and notes what it needs.  True where it depends on the key at all.
    [[nodiscard]] Result<bool> inspect(std::string_view text, Use use);

    // The query for a key; nothing for a key that the templates cannot be filled in with.
    std::optional<std::string> query(std::string_view text, std::string_view key,
                                     const Quote& quote) const;

    // Appends a value in the form of the result template, after a comma where it is not the first.
    // False where the value gives no part of the result.
    bool add_result(std::string_view text, std::string_view value, std::string_view key,
                    std::string& result) const;

  private:
    struct Parts;

    std::optional<Parts> parts_of_key(std::string_view key) const;
    static bool append(std::string_view text, const Parts& whole, const Parts& key,
                       const Quote& quote, std::string& out);

    std::string title_;
    std::string reference_;
    bool key_user_ = false;
    bool key_domain_ = false;
    bool value_user_ = false;
    bool value_domain_ = false;
    std::size_t labels_ = 0;
};

}  // namespace relais
