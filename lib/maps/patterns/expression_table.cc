#include "lib/maps/patterns/expression_table.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/file_value.h"
#include "lib/maps/map_source.h"

namespace relais {

using Groups = ExpressionDialect::Groups;

ExpressionTable::ExpressionTable(const OpenRequest& request, const ExpressionDialect& dialect)
    : Table(request.type, request.name, request.flags | table_flag::kPattern), dialect_(dialect) {
}

void ExpressionTable::warn(std::size_t line, std::string_view text) const {
    log_warning("{} map {}, line {}: {}", type(), name(), line, text);
}

Result<void> ExpressionTable::load() {
    auto source = read_rule_source(type(), name());
    if (!source) {
        return fail_with(source);
    }
    set_owner(source->owner);
    if (!source->unreadable.message.empty()) {
        log_warning("{} map {}: {}", type(), name(), source->unreadable.message);
    }
    RuleNesting nesting;
    LogicalLines lines(source->text, name());
    while (lines.next()) {
        if (auto text = trim_right(lines.line()); !text.empty()) {
            add_line(text, lines.number(), nesting);
        }
    }
    for (const auto& open : nesting.unfinished()) {
        warn(open.line, "IF has no matching ENDIF");
        rules_[open.index].otherwise = rules_.size();
    }
    return {};
}

void ExpressionTable::add_line(std::string_view text, std::size_t line, RuleNesting& nesting) {
    std::optional<Rule> rule;
    // The delimiter of an expression cannot be a letter, so words are no rules.
    if (!is_alnum(text.front())) {
        rule = parse_rule(text, line);
    } else if (auto statement = take_statement(text); statement == Statement::kIf) {
        rule = parse_if(text, line);
    } else if (statement == Statement::kRule) {
        warn(line, "ignoring unrecognized request");
    } else if (!nesting.is_open()) {
        warn(line, "ignoring ENDIF without matching IF");
    } else {
        if (!text.empty()) {
            warn(line, "ignoring extra text after ENDIF");
        }
        rules_[nesting.close()].otherwise = rules_.size();
    }
    if (!rule) {
        return;
    }
    if (rule->statement == Statement::kIf) {
        nesting.open(rules_.size(), line);
    }
    rules_.push_back(std::move(*rule));
}

bool ExpressionTable::take_flags(std::string_view& text, std::size_t line, unsigned& flags) const {
    flags = dialect_.default_flags();
    while (!text.empty() && !is_blank(text.front())) {
        char letter = text.front();
        if (letter == '!' && dialect_.has_second_pattern()) {
            return true;
        }
        auto known = dialect_.toggle(letter, flags);
        if (known == ExpressionDialect::Flag::kUnknown) {
            warn(line, format("unknown regexp option \"{}\": skipping this rule", letter));
            return false;
        }
        if (known == ExpressionDialect::Flag::kObsolete) {
            warn(line, format("ignoring obsolete regexp option \"{}\"", letter));
        }
        text.remove_prefix(1);
    }
    return true;
}

// "[!] /expression/flags", taken from the front of the text.
std::optional<ExpressionTable::Pattern> ExpressionTable::take_pattern(std::string_view& text,
                                                                      std::size_t line) const {
    Pattern pattern;
    while (!text.empty() && (text.front() == '!' || is_blank(text.front()))) {
        if (text.front() == '!') {
            pattern.positive = !pattern.positive;
        }
        text.remove_prefix(1);
    }
    if (text.empty()) {
        warn(line, "no regexp: skipping this rule");
        return std::nullopt;
    }
    char delimiter = text.front();
    text.remove_prefix(1);
    std::size_t end = 0;
    while (end < text.size() && text[end] != delimiter) {
        end += text[end] == '\\' ? 2 : 1;
    }
    if (end >= text.size()) {
        warn(line, format("no closing regexp delimiter \"{}\": {} this rule", delimiter,
                          dialect_.undelimited_fate()));
        return std::nullopt;
    }
    pattern.text = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (!take_flags(text, line, pattern.flags)) {
        return std::nullopt;
    }
    return pattern;
}

std::optional<Replacement> ExpressionTable::parse_result(std::string_view text,
                                                         std::size_t line) const {
    auto value = value_from_source(text, flags());
    if (!value) {
        warn(line, format("{}: skipping this rule", value.error().message));
        return std::nullopt;
    }
    auto result = Replacement::parse(*value);
    if (result) {
        return std::move(*result);
    }
    using Kind = Replacement::Fault::Kind;
    const auto& fault = result.error();
    if (fault.kind == Kind::kMacro) {
        log_warning("{}", fault.text);
    } else if (fault.kind == Kind::kNotNumeric) {
        warn(line, format("non-numeric replacement index \"{}\"", fault.text));
    } else {
        warn(line, format("{} replacement index \"{}\"", dialect_.zero_index(), fault.text));
    }
    warn(line, "bad replacement syntax: skipping this rule");
    return std::nullopt;
}

bool ExpressionTable::allows_groups(const Replacement& result, const Pattern& pattern,
                                    std::size_t line) const {
    if (result.highest_group() == 0) {
        return true;
    }
    if (!pattern.positive) {
        warn(line, "$number found in negative match replacement text: skipping this rule");
        return false;
    }
    if ((flags() & table_flag::kNoSubstitution) != 0) {
        warn(line, "regular expression substitution is not allowed: skipping this rule");
        return false;
    }
    return true;
}

bool ExpressionTable::compile(const Pattern& pattern, Groups groups, std::size_t line,
                              Condition& out) const {
    auto expression = dialect_.compile(pattern.text, pattern.flags, groups);
    if (!expression) {
        warn(line, expression.error().message);
        return false;
    }
    out = {std::move(*expression), pattern.positive};
    return true;
}

std::optional<ExpressionTable::Rule> ExpressionTable::parse_rule(std::string_view text,
                                                                 std::size_t line) const {
    auto pattern = take_pattern(text, line);
    if (!pattern) {
        return std::nullopt;
    }
    std::optional<Pattern> second;
    if (dialect_.has_second_pattern() && text.starts_with('!')) {
        second = take_pattern(text, line);
        if (!second) {
            return std::nullopt;
        }
    }
    text = trim_left(text);
    if (text.empty()) {
        warn(line, "no replacement text: using empty string");
    }
    auto result = parse_result(text, line);
    if (!result || !allows_groups(*result, *pattern, line)) {
        return std::nullopt;
    }
    Rule rule;
    rule.line = line;
    int highest = result->highest_group();
    if (!compile(*pattern, highest == 0 ? Groups::kIgnored : Groups::kWanted, line,
                 rule.condition)) {
        return std::nullopt;
    }
    if (highest < 0 || static_cast<std::size_t>(highest) > rule.condition.expression->groups()) {
        warn(line, format("out of range replacement index \"{}\": skipping this rule", highest));
        return std::nullopt;
    }
    if (second && !compile(*second, Groups::kIgnored, line, rule.second)) {
        return std::nullopt;
    }
    rule.result = std::move(*result);
    return rule;
}

std::optional<ExpressionTable::Rule> ExpressionTable::parse_if(std::string_view text,
                                                               std::size_t line) const {
    auto pattern = take_pattern(text, line);
    if (!pattern) {
        return std::nullopt;
    }
    text = trim_left(text);
    if (!text.empty()) {
        warn(line, format("ignoring extra text after IF statement: \"{}\"", text));
        warn(line, "do not prepend whitespace to statements between IF and ENDIF");
    }
    Rule rule;
    rule.statement = Statement::kIf;
    rule.line = line;
    if (!compile(*pattern, Groups::kIgnored, line, rule.condition)) {
        return std::nullopt;
    }
    return rule;
}

Result<bool> ExpressionTable::holds(const Rule& rule, const std::string& key,
                                    Expression::Spans* spans) const {
    auto matched = rule.condition.expression->match(key, spans);
    if (!matched || *matched != rule.condition.positive) {
        return matched ? Result<bool>(false) : matched;
    }
    if (rule.second.expression) {
        auto second = rule.second.expression->match(key, nullptr);
        return second ? Result<bool>(*second == rule.second.positive) : second;
    }
    return true;
}

Lookup ExpressionTable::find_key(std::string_view key) {
    std::string subject(key.substr(0, key.find('\0')));
    Expression::Spans spans;
    for (std::size_t at = 0; at < rules_.size();) {
        const Rule& rule = rules_[at];
        bool wants_groups = rule.result.highest_group() != 0;
        auto matched = holds(rule, subject, wants_groups ? &spans : nullptr);
        if (!matched) {
            warn(rule.line, matched.error().message);  // and the next rule is tried
        }
        bool is_true = matched && *matched;
        if (is_true && rule.statement == Statement::kRule) {
            return Lookup::found(rule.result.expand([&subject, &spans](int group) {
                auto index = static_cast<std::size_t>(group);
                auto span = index < spans.size() ? spans[index] : Expression::Span();
                return std::string_view(subject).substr(span.begin, span.end - span.begin);
            }));
        }
        at = is_true || rule.statement == Statement::kRule ? at + 1 : rule.otherwise;
    }
    return Lookup::not_found();
}

OpenedTable open_expression_table(const OpenRequest& request, const ExpressionDialect& dialect) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto table = std::make_unique<ExpressionTable>(request, dialect);
    auto loaded = table->load();
    if (!loaded) {
        return fail_with(loaded);
    }
    return table;
}

}  // namespace relais
