// cidr: - "[!]network[/bits] result", with IF and ENDIF.  A rule says something only about
// addresses of its own family: not even "!192.0.2.0/24" holds for an IPv6 address.
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/file_value.h"
#include "lib/maps/map_source.h"
#include "lib/maps/network.h"
#include "lib/maps/patterns/rule_source.h"
#include "lib/maps/table_types.h"

namespace relais {

namespace {

class CidrTable : public Table {
  public:
    explicit CidrTable(const OpenRequest& request)
        : Table(request.type, request.name, request.flags | table_flag::kPattern) {}

    [[nodiscard]] Result<void> load();

  protected:
    Lookup find_key(std::string_view key) override;

  private:
    struct Rule {
        Statement statement;
        Network network;
        bool positive;
        std::size_t otherwise;  // kIf: the rule to go on with where it does not hold
        std::string result;

        bool holds(std::string_view address) const {
            return network.is_comparable(address) && network.contains(address) == positive;
        }
    };

    [[nodiscard]] Result<void> add_line(std::string_view text, std::size_t line,
                                        RuleNesting& nesting);
    [[nodiscard]] Result<void> end_if(std::string_view rest, RuleNesting& nesting);
    [[nodiscard]] Result<Rule> parse(Statement statement, std::string_view text) const;

    std::vector<Rule> rules_;
};

Result<void> CidrTable::load() {
    auto source = read_rule_source(type(), name());
    if (!source) {
        return fail_with(source);
    }
    set_owner(source->owner);
    if (!source->unreadable.message.empty()) {
        return fail_errno(format("{} map {}: read error", type(), name()),
                          source->unreadable.sys_errno);
    }
    RuleNesting nesting;
    LogicalLines lines(source->text, name());
    while (lines.next()) {
        auto added = add_line(trim_right(lines.line()), lines.number(), nesting);
        if (!added) {
            log_warning("{} map {}, line {}: {}: skipping this rule", type(), name(),
                        lines.number(), added.error().message);
        }
    }
    for (const auto& open : nesting.unfinished()) {
        log_warning("{} map {}, line {}: IF has no matching ENDIF", type(), name(), open.line);
        rules_[open.index].otherwise = rules_.size();
    }
    return {};
}

Result<void> CidrTable::add_line(std::string_view text, std::size_t line, RuleNesting& nesting) {
    Statement statement = take_statement(text);
    if (statement == Statement::kEndif) {
        return end_if(text, nesting);
    }
    auto rule = parse(statement, text);
    if (!rule) {
        return fail_with(rule);
    }
    if (statement == Statement::kIf) {
        nesting.open(rules_.size(), line);
    }
    rules_.push_back(std::move(*rule));
    return {};
}

Result<void> CidrTable::end_if(std::string_view rest, RuleNesting& nesting) {
    if (!rest.empty()) {
        return fail(Errc::kSyntax, "garbage after ENDIF");
    }
    if (!nesting.is_open()) {
        return fail(Errc::kSyntax, "ENDIF without IF");
    }
    rules_[nesting.close()].otherwise = rules_.size();
    return {};
}

Result<CidrTable::Rule> CidrTable::parse(Statement statement, std::string_view text) const {
    bool positive = true;
    while (!text.empty() && (text.front() == '!' || is_blank(text.front()))) {
        positive = positive != (text.front() == '!');
        text.remove_prefix(1);
    }
    if (text.empty()) {
        return fail(Errc::kSyntax, "no address pattern");
    }
    // The pattern of an IF is all that follows.
    std::size_t end = statement == Statement::kIf ? text.size() : text.find_first_of(kBlanks);
    auto network = Network::parse(text.substr(0, end));
    if (!network) {
        return fail_with(network);
    }
    std::string_view result = trim_left(text.substr(std::min(end, text.size())));
    if (statement == Statement::kRule && result.empty()) {
        return fail(Errc::kSyntax, "no lookup result");
    }
    auto value = statement == Statement::kRule ? value_from_source(result, flags()) : std::string();
    if (!value) {
        return fail_with(value);
    }
    return Rule{.statement = statement,
                .network = std::move(*network),
                .positive = positive,
                .otherwise = 0,
                .result = std::move(*value)};
}

Lookup CidrTable::find_key(std::string_view key) {
    auto address = address_bytes(key);
    if (!address) {
        return Lookup::not_found();
    }
    for (std::size_t at = 0; at < rules_.size();) {
        const Rule& rule = rules_[at];
        bool is_true = rule.holds(*address);
        if (is_true && rule.statement == Statement::kRule) {
            return Lookup::found(rule.result);
        }
        at = is_true || rule.statement == Statement::kRule ? at + 1 : rule.otherwise;
    }
    return Lookup::not_found();
}

}  // namespace

OpenedTable open_cidr_table(const OpenRequest& request) {
    if (request.mode != OpenMode::kRead) {
        return refuse_mode(request);
    }
    auto table = std::make_unique<CidrTable>(request);
    auto loaded = table->load();
    if (!loaded) {
        return fail_with(loaded);
    }
    return table;
}

}  // namespace relais
