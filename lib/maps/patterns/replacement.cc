#include "lib/maps/patterns/replacement.h"

#include <cstdint>
#include <limits>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais {

namespace {

using Fault = Replacement::Fault;

std::unexpected<Fault> macro_fault(std::string_view what, std::string_view text) {
    return std::unexpected(Fault{Fault::Kind::kMacro, format("{}: \"{}\"", what, text)});
}

// Takes the name that follows a '$'.  Empty where there is none; `closed` tells whether a pair
// around it is whole.
std::string_view take_name(std::string_view& rest, bool& closed) {
    closed = true;
    if (rest.starts_with('{') || rest.starts_with('(')) {
        std::size_t length = group_length(rest, rest.front(), rest.front() == '{' ? '}' : ')');
        closed = length > 0;
        std::string_view name = closed ? rest.substr(1, length - 2) : std::string_view();
        rest.remove_prefix(length);
        return name;
    }
    std::size_t end = 0;
    while (end < rest.size() && (is_alnum(rest[end]) || rest[end] == '_')) {
        ++end;
    }
    std::string_view name = rest.substr(0, end);
    rest.remove_prefix(end);
    return name;
}

bool is_number(std::string_view text) {
    for (char c : text) {
        if (!is_digit(c)) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::expected<void, Fault> Replacement::add_group(std::string_view name) {
    if (!is_number(name)) {
        return std::unexpected(Fault{Fault::Kind::kNotNumeric, std::string(name)});
    }
    // Numbers that no int holds wrap around, as they do in Postfix, which says so in its warnings.
    auto number = static_cast<std::int64_t>(
        parse_uint(name).value_or(std::numeric_limits<std::uint64_t>::max()));
    if (number < 0) {
        number = std::numeric_limits<std::int64_t>::max();
    }
    int group = static_cast<int>(static_cast<std::int32_t>(number));
    if (group == 0) {
        return std::unexpected(Fault{Fault::Kind::kZero, std::string(name)});
    }
    if (pieces_.empty() || pieces_.back().group != 0) {
        pieces_.emplace_back();
    }
    pieces_.back().group = group;
    if (highest_ >= 0 && (group < 0 || group > highest_)) {
        highest_ = group;
    }
    return {};
}

std::expected<Replacement, Fault> Replacement::parse(std::string_view text) {
    Replacement out;
    auto add_literal = [&out](std::string_view literal) {
        if (out.pieces_.empty() || out.pieces_.back().group != 0) {
            out.pieces_.emplace_back();
        }
        out.pieces_.back().literal += literal;
    };
    std::string_view rest = text;
    while (!rest.empty()) {
        std::size_t dollar = rest.find('$');
        if (dollar != 0) {
            add_literal(rest.substr(0, dollar));
            rest.remove_prefix(std::min(dollar, rest.size()));
            continue;
        }
        rest.remove_prefix(1);
        if (rest.starts_with('$')) {
            add_literal("$");
            rest.remove_prefix(1);
            continue;
        }
        bool closed = true;
        std::string_view name = take_name(rest, closed);
        if (!closed) {
            return macro_fault("truncated macro reference", text);
        }
        if (name.empty()) {
            return macro_fault("empty macro name", text);
        }
        if (auto added = out.add_group(name); !added) {
            return std::unexpected(std::move(added.error()));
        }
    }
    return out;
}

std::string Replacement::expand(const std::function<std::string_view(int)>& group) const {
    std::string out;
    for (const Piece& piece : pieces_) {
        out += piece.literal;
        if (piece.group != 0) {
            out += group(piece.group);
        }
    }
    return out;
}

}  // namespace relais
