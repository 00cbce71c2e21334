// regexp and pcre tables: rules of the form "[!]/expression/flags result", with IF and ENDIF.  The
// two types share everything but the expressions themselves (Dialect).
//
// Matching takes the whole key; the first rule that holds gives the result.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/maps/patterns/replacement.h"
#include "lib/maps/patterns/rule_source.h"
#include "lib/maps/registry.h"
#include "lib/maps/table.h"
#include "lib/maps/table_types.h"

namespace relais {

// A compiled expression.
class Expression {
  public:
    struct Span {
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    using Spans = std::vector<Span>;

    virtual ~Expression() = default;

    virtual std::size_t groups() const = 0;

    // Whether it matches; `spans`, where wanted, become the whole match and then each group.  The
    // error: the expression could not be tried to its end.
    [[nodiscard]] virtual Result<bool> match(const std::string& subject, Spans* spans) const = 0;
};

// The kind of expressions that a table holds.
class ExpressionDialect {
  public:
    enum class Flag { kKnown, kObsolete, kUnknown };
    enum class Groups { kIgnored, kWanted };

    virtual ~ExpressionDialect() = default;

    virtual unsigned default_flags() const = 0;
    // Toggles the flag behind a letter.
    virtual Flag toggle(char letter, unsigned& flags) const = 0;
    // The error's message stands in the log behind file and line.
    [[nodiscard]] virtual Result<std::unique_ptr<Expression>> compile(const std::string& pattern,
                                                                      unsigned flags,
                                                                      Groups groups) const = 0;

    // What becomes of a rule whose delimiter is missing.
    virtual std::string_view undelimited_fate() const = 0;
    // "out of range", in the spelling for the index 0.
    virtual std::string_view zero_index() const = 0;

    // True where "/a/!/b/" means: a, and not b.
    virtual bool has_second_pattern() const = 0;
};

class ExpressionTable : public Table {
  public:
    ExpressionTable(const OpenRequest& request, const ExpressionDialect& dialect);

    [[nodiscard]] Result<void> load();

  protected:
    Lookup find_key(std::string_view key) override;

  private:
    struct Pattern {
        std::string text;
        unsigned flags = 0;
        bool positive = true;
    };

    struct Condition {
        std::unique_ptr<Expression> expression;
        bool positive = true;
    };

    struct Rule {
        Statement statement = Statement::kRule;
        std::size_t line = 0;
        std::size_t otherwise = 0;  // kIf: the rule to go on with where it does not hold
        Condition condition;
        Condition second;
        Replacement result;
    };

    void warn(std::size_t line, std::string_view text) const;

    void add_line(std::string_view text, std::size_t line, RuleNesting& nesting);
    std::optional<Rule> parse_rule(std::string_view text, std::size_t line) const;
    std::optional<Rule> parse_if(std::string_view text, std::size_t line) const;
    std::optional<Pattern> take_pattern(std::string_view& text, std::size_t line) const;
    bool take_flags(std::string_view& text, std::size_t line, unsigned& flags) const;
    std::optional<Replacement> parse_result(std::string_view text, std::size_t line) const;
    bool allows_groups(const Replacement& result, const Pattern& pattern, std::size_t line) const;
    bool compile(const Pattern& pattern, ExpressionDialect::Groups groups, std::size_t line,
                 Condition& out) const;
    Result<bool> holds(const Rule& rule, const std::string& key, Expression::Spans* spans) const;

    const ExpressionDialect& dialect_;
    std::vector<Rule> rules_;
};

OpenedTable open_expression_table(const OpenRequest& request, const ExpressionDialect& dialect);

}  // namespace relais
