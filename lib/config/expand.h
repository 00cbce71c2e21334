// $name expansion, in every place that has it: main.cf values, -o values, pipe and spawn arguments,
// forward_path and the like, rbl replies, milter macros.
//
//   $name ${name} $(name)     the value           $$             a dollar sign
//   ${name?text} ${name?{a}:{b}} ${name:text}     depending on whether the value is empty
//   ${{a} op {b} ? {c} : {d}} comparison; op may carry a suffix (<level)
//   ${domain_to_ascii{text}}  a named function
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

struct ExpandOptions {
    // The raw value of a name; nothing for an undefined one.  Must be set.
    std::function<std::optional<std::string>(std::string_view name)> lookup;
    bool recurse = false;     // values are expanded in turn (main.cf does)
    std::string_view filter;  // when set, other characters in inserted values become "_"
};

struct Expansion {
    std::string text;
    bool undefined = false;  // an undefined name was inserted as ""
};

// Syntax errors and nesting beyond 100 levels are errors; the message is Postfix's warning text. So
// are more names and text than anybody can mean.
[[nodiscard]] Result<Expansion> expand(std::string_view text, const ExpandOptions& options);

// Calls `use` with each name that an expansion of `text` could read, in order, in every branch.
// For the tools that tell which parameters are used.  A text with an error uses those before it.
[[nodiscard]] Result<void> for_each_name(std::string_view text,
                                         const std::function<void(std::string_view)>& use);

// Compares as comparisons in expansions do: as numbers when both are digits only, else as bytes.
[[nodiscard]] int compare_operands(std::string_view left, std::string_view right);

// The bytes that C's escapes in a text stand for ("\\t\\40"): the filters of expansions have them.
[[nodiscard]] std::string unescape(std::string_view text);

}  // namespace relais
