#include "lib/config/expand.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/compat_level.h"
#include "lib/config/values.h"
#include "lib/mail/idna.h"

namespace relais {

namespace {

constexpr int kMaxLevel = 100;
// Postfix has no such limits: names that use others twice, and these others twice, never end.
constexpr int kMaxCalls = 100'000;
constexpr std::size_t kMaxText = std::size_t{16} << 20;
constexpr std::size_t kShownRest = 20;
constexpr std::string_view kOperatorBytes = "<>!=?+-*/~&|%";
constexpr std::array<std::string_view, 6> kOperators = {"==", "!=", "<", "<=", ">=", ">"};
// Postfix's words, its stray quotes included.
constexpr std::string_view kOperatorsExpected =
    R"("==" or "!="" or "<"" or "<="" or ">="" or ">" expected)";

std::size_t name_length(std::string_view text) {
    std::size_t length = 0;
    while (length < text.size() && (is_alnum(text[length]) || text[length] == '_')) {
        ++length;
    }
    return length;
}

// The branches of a conditional; a missing one inserts nothing.
struct Branches {
    std::string_view if_true;
    std::string_view if_false;
};

struct Operator {
    std::string_view symbol;
    std::string_view suffix;
};

bool holds(std::string_view symbol, int order) {
    if (symbol == "==") {
        return order == 0;
    }
    if (symbol == "!=") {
        return order != 0;
    }
    if (symbol == "<") {
        return order < 0;
    }
    if (symbol == "<=") {
        return order <= 0;
    }
    if (symbol == ">") {
        return order > 0;
    }
    return order >= 0;
}

// One pass over one text.  What stands between "${" and "}" is read by a cursor, so that errors can
// show how far it got.
class Expander {
  public:
    Expander(const ExpandOptions& options, const std::function<void(std::string_view)>* visit)
        : options_(options), visit_(visit) {}

    Result<void> run(std::string_view text, int level) {
        auto whole = text;
        while (!text.empty()) {
            auto plain = text.substr(0, text.find('$'));
            if (!plain.empty() && level > kMaxLevel) {
                return too_deep(plain);
            }
            out_ += plain;
            text.remove_prefix(plain.size());
            if (text.empty()) {
                break;
            }
            if (text.starts_with("$$")) {
                out_ += '$';
                text.remove_prefix(2);
                continue;
            }
            if (++calls_ > kMaxCalls || out_.size() > kMaxText) {
                return fail(Errc::kTooLarge, format("too many macro calls: \"{}\"", whole));
            }
            auto used = reference(text, whole, level);
            if (!used) {
                return fail_with(used);
            }
            text.remove_prefix(*used);
        }
        return {};
    }

    std::string take() { return std::move(out_); }

    bool undefined() const { return undefined_; }

  private:
    // `text`, the rest of `whole`, begins with "$"; the result is how much of it the reference
    // takes.
    Result<std::size_t> reference(std::string_view text, std::string_view whole, int level) {
        auto body = text.substr(1);
        char open = body.empty() ? '\0' : body.front();
        if (open == '{' || open == '(') {
            auto length = group_length(body, open, open == '{' ? '}' : ')');
            if (length == 0) {
                return fail(Errc::kSyntax, format("truncated macro reference: \"{}\"", whole));
            }
            auto inside = body.substr(1, length - 2);
            if (inside.empty()) {
                return fail(Errc::kSyntax, format("empty macro name: \"{}\"", whole));
            }
            auto done = level > kMaxLevel ? too_deep(inside) : bracketed(inside, level);
            if (!done) {
                return fail_with(done);
            }
            return length + 1;
        }
        auto length = name_length(body);
        if (length == 0) {
            return fail(Errc::kSyntax, format("empty macro name: \"{}\"", whole));
        }
        auto name = body.substr(0, length);
        auto done = level > kMaxLevel ? too_deep(name) : insert(name, level);
        if (!done) {
            return fail_with(done);
        }
        return length + 1;
    }

    Result<void> bracketed(std::string_view whole, int level) {
        std::size_t at = skip_blanks(whole, 0);
        if (at < whole.size() && whole[at] == '{') {
            return comparison(whole, at, level);
        }
        auto name = whole.substr(at, name_length(whole.substr(at)));
        at += name.size();
        if (at < whole.size() && whole[at] == '{' && !name.empty()) {
            return function(name, whole, at, level);
        }
        std::size_t next = skip_blanks(whole, at);
        if (next == whole.size()) {
            return insert(name, level);
        }
        if (whole[next] != '?' && whole[next] != ':') {
            return fail_at("attribute name syntax error", name, whole.substr(at));
        }
        return choose(!is_empty(name), whole, next, level);
    }

    // ${name{text}}
    Result<void> function(std::string_view name, std::string_view whole, std::size_t at,
                          int level) {
        auto argument = payload(whole, at);
        if (!argument) {
            return fail_with(argument);
        }
        if (skip_blanks(whole, at) != whole.size()) {
            return fail_at("attribute name syntax error", name, whole.substr(at));
        }
        auto convert = name == "domain_to_ascii"  ? domain_to_ascii
                       : name == "domain_to_utf8" ? domain_to_utf8
                                                  : nullptr;
        if (convert == nullptr) {
            return fail_at("attribute name syntax error", name, whole.substr(name.size()));
        }
        auto text = inner(*argument, level);
        if (!text) {
            return fail_with(text);
        }
        out_ += convert(*text).value_or(*text);
        return {};
    }

    // ${{a} op {b} ...}
    Result<void> comparison(std::string_view whole, std::size_t at, int level) {
        auto left = payload(whole, at);
        if (!left) {
            return fail_with(left);
        }
        auto op = parse_operator(*left, whole, at);
        if (!op) {
            return fail_with(op);
        }
        std::size_t behind = std::exchange(at, skip_blanks(whole, at));
        if (at == whole.size() || whole[at] != '{') {
            return fail_at("\"{expression}\" expected",
                           format("{{{}}} {}{}", *left, op->symbol, op->suffix),
                           whole.substr(behind));
        }
        auto right = payload(whole, at);
        if (!right) {
            return fail_with(right);
        }
        auto is_true = compare(*left, *op, *right, level);
        if (!is_true) {
            return fail_with(is_true);
        }
        at = skip_blanks(whole, at);
        if (at == whole.size()) {
            return run(*is_true ? "true" : "", level + 1);
        }
        if (whole[at] != '?' && whole[at] != ':') {
            return fail_at("\"?\" or \":\" expected", "}", whole.substr(at));
        }
        return choose(*is_true, whole, at, level);
    }

    Result<Operator> parse_operator(std::string_view left, std::string_view whole,
                                    std::size_t& at) const {
        at = skip_blanks(whole, at);
        auto rest = whole.substr(at);
        auto symbol = rest.substr(0, std::min(rest.find_first_not_of(kOperatorBytes), rest.size()));
        if (std::ranges::find(kOperators, symbol) == kOperators.end()) {
            return fail_at(std::string(kOperatorsExpected), std::string(left) + "}", rest);
        }
        rest.remove_prefix(symbol.size());
        auto suffix = rest.substr(0, std::min(rest.find_first_of(" \t\r\n_{"), rest.size()));
        if (!suffix.empty() && suffix != "level" && is_alnum(suffix.front())) {
            return fail_at("bad operator suffix", symbol, suffix);
        }
        if (suffix != "level") {
            suffix = {};
        }
        at += symbol.size() + suffix.size();
        return Operator{symbol, suffix};
    }

    Result<bool> compare(std::string_view left, const Operator& op, std::string_view right,
                         int level) {
        auto a = inner(left, level);
        if (!a) {
            return fail_with(a);
        }
        auto b = inner(right, level);
        if (!b) {
            return fail_with(b);
        }
        if (visit_ != nullptr) {
            return true;
        }
        if (op.suffix.empty()) {
            return holds(op.symbol, compare_operands(*a, *b));
        }
        auto x = parse_compat_level(*a);
        auto y = parse_compat_level(*b);
        if (!x || !y) {
            return fail(Errc::kSyntax,
                        format("malformed compatibility level syntax: \"{}\"", x ? *b : *a));
        }
        return holds(op.symbol, *x < *y ? -1 : *x > *y ? 1 : 0);
    }

    // `at` stands on "?" or ":". What was read before an error is in `branches`.
    Result<void> parse_branches(std::string_view whole, std::size_t at, Branches& branches) const {
        bool question = whole[at] == '?';
        auto text = whole.substr(at + 1);
        at = skip_blanks(whole, at + 1);
        auto& first = question ? branches.if_true : branches.if_false;
        if (at == whole.size() || whole[at] != '{') {
            first = text;
            return {};
        }
        auto inside = payload(whole, at);
        if (!inside) {
            return fail_with(inside);
        }
        first = *inside;
        at = skip_blanks(whole, at);
        if (question && at < whole.size()) {
            if (whole[at] != ':') {
                return fail_at("\":\" expected", std::string(first) + "}", whole.substr(at));
            }
            text = whole.substr(at + 1);
            at = skip_blanks(whole, at + 1);
            if (at == whole.size() || whole[at] != '{') {
                branches.if_false = text;
                return {};
            }
            inside = payload(whole, at);
            if (!inside) {
                return fail_with(inside);
            }
            branches.if_false = *inside;
            at = skip_blanks(whole, at);
        }
        if (at < whole.size()) {
            return fail_at("unexpected input", std::string(*inside) + "}", whole.substr(at));
        }
        return {};
    }

    // The inside of the braces at `at`, kept as it is; `at` moves behind them.
    Result<std::string_view> payload(std::string_view whole, std::size_t& at) const {
        auto length = group_length(whole.substr(at));
        if (length == 0) {
            return fail(Errc::kSyntax, format("unbalanced {{}} in attribute expression: \"{}\"",
                                              whole.substr(at)));
        }
        auto inside = whole.substr(at + 1, length - 2);
        at += length;
        return inside;
    }

    // A visitor sees both branches, also those before an error.
    Result<void> choose(bool condition, std::string_view whole, std::size_t at, int level) {
        Branches branches;
        auto parsed = parse_branches(whole, at, branches);
        if (visit_ == nullptr) {
            return parsed ? run(condition ? branches.if_true : branches.if_false, level + 1)
                          : parsed;
        }
        auto seen = run(branches.if_true, level + 1);
        if (seen) {
            seen = run(branches.if_false, level + 1);
        }
        return parsed ? seen : parsed;
    }

    Result<void> insert(std::string_view name, int level) {
        if (visit_ != nullptr) {
            (*visit_)(name);
            return {};
        }
        auto value = options_.lookup(name);
        if (!value) {
            undefined_ = true;
            return {};
        }
        if (options_.recurse) {
            return run(*value, level + 1);
        }
        append_filtered(*value);
        return {};
    }

    bool is_empty(std::string_view name) const {
        if (visit_ != nullptr) {
            (*visit_)(name);
            return false;
        }
        auto value = options_.lookup(name);
        return !value || value->empty();
    }

    void append_filtered(std::string_view value) {
        if (options_.filter.empty()) {
            out_ += value;
            return;
        }
        for (char c : value) {
            out_ += options_.filter.contains(c) ? c : '_';
        }
    }

    Result<std::string> inner(std::string_view text, int level) {
        std::string kept = std::exchange(out_, {});
        auto done = run(text, level + 1);
        std::string result = std::exchange(out_, std::move(kept));
        if (!done) {
            return fail_with(done);
        }
        return result;
    }

    static Result<void> too_deep(std::string_view what) {
        return fail(Errc::kSyntax, format("unreasonable macro call nesting: \"{}\"", what));
    }

    static std::size_t skip_blanks(std::string_view text, std::size_t at) {
        while (at < text.size() && is_blank(text[at])) {
            ++at;
        }
        return at;
    }

    // The place is shown as what was read last, ">>>", and the start of what comes.
    static std::unexpected<Error> fail_at(std::string_view what, std::string_view read,
                                          std::string_view rest) {
        return fail(Errc::kSyntax,
                    format("{} at: \"...{}>>>{}\"", what, read, rest.substr(0, kShownRest)));
    }

    const ExpandOptions& options_;
    const std::function<void(std::string_view)>* visit_;
    std::string out_;
    int calls_ = 0;
    bool undefined_ = false;
};

}  // namespace

int compare_operands(std::string_view left, std::string_view right) {
    auto all_digits = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (all_digits(left) && all_digits(right)) {
        auto a = trim_left(left, "0");
        auto b = trim_left(right, "0");
        if (a.size() != b.size()) {
            return a.size() < b.size() ? -1 : 1;
        }
        return a.compare(b);
    }
    return left.compare(right);
}

Result<Expansion> expand(std::string_view text, const ExpandOptions& options) {
    Expander expander(options, nullptr);
    auto done = expander.run(text, 0);
    if (!done) {
        return fail_with(done);
    }
    return Expansion{expander.take(), expander.undefined()};
}

Result<void> for_each_name(std::string_view text,
                           const std::function<void(std::string_view)>& use) {
    ExpandOptions options;
    Expander expander(options, &use);
    return expander.run(text, 0);
}

namespace {

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

}  // namespace

std::string unescape(std::string_view text) {
    constexpr std::string_view kLetters = "abfnrtv";
    constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        const char c = text[++i];
        if (is_octal(c)) {
            unsigned value = 0;
            const auto end = std::min(i + 3, text.size());
            for (; i < end && is_octal(text[i]); ++i) {
                value = value * 8 + static_cast<unsigned>(text[i] - '0');
            }
            --i;
            out += static_cast<char>(value);
        } else {
            const auto at = kLetters.find(c);
            out += at == std::string_view::npos ? c : kMeanings[at];
        }
    }
    return out;
}

}  // namespace relais
