// Queries made of a key: "%s", "%u@%d", "%1": key_format of memcache tables, and the domain list
// that says which keys are asked about at all.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

class QueryTemplate {
  public:
    // The error is Postfix's text; `source` is where the template stands.
    [[nodiscard]] static Result<QueryTemplate> parse(std::string_view text,
                                                     std::string_view source);

    // Why a key has no query: what it lacks is not in every key, so this is no fault.
    enum class Skip { kEmptyKey, kEmptyExpansion };

    //   %s the key   %u its local part, or all of it   %d its domain
    //   %1 .. %9 the labels of the domain, from the right   %% a percent sign
    // The upper-case letters S, U and D mean the same.
    [[nodiscard]] std::expected<std::string, Skip> expand(std::string_view key) const;

  private:
    explicit QueryTemplate(std::string text) : text_(std::move(text)) {}

    std::string text_;
};

}  // namespace relais
