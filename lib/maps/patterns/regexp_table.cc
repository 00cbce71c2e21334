// regexp: - POSIX expressions, extended and without regard to case unless flags say otherwise.
#include <array>

#include <regex.h>

#include "lib/maps/patterns/expression_table.h"

namespace relais {

namespace {

std::string message_of(int code, const regex_t& expression) {
    std::array<char, 256> text = {};
    ::regerror(code, &expression, text.data(), text.size());
    return text.data();
}

class PosixExpression : public Expression {
  public:
    PosixExpression() = default;
    PosixExpression(const PosixExpression&) = delete;
    PosixExpression& operator=(const PosixExpression&) = delete;

    ~PosixExpression() override {
        if (compiled_) {
            ::regfree(&expression_);
        }
    }

    [[nodiscard]] Result<void> compile(const std::string& pattern, unsigned flags) {
        int code = ::regcomp(&expression_, pattern.c_str(), static_cast<int>(flags));
        if (code != 0) {
            return fail(Errc::kSyntax, message_of(code, expression_));
        }
        compiled_ = true;
        return {};
    }

    std::size_t groups() const override { return expression_.re_nsub; }

    Result<bool> match(const std::string& subject, Spans* spans) const override {
        std::vector<regmatch_t> found(spans == nullptr ? 0 : groups() + 1);
        int code = ::regexec(&expression_, subject.c_str(), found.size(), found.data(), 0);
        if (code == REG_NOMATCH) {
            return false;
        }
        if (code != 0) {
            return fail(Errc::kSystem, message_of(code, expression_));
        }
        if (spans != nullptr) {
            spans->clear();
            for (const regmatch_t& span : found) {
                spans->push_back(span.rm_so < 0 ? Span()
                                                : Span{static_cast<std::size_t>(span.rm_so),
                                                       static_cast<std::size_t>(span.rm_eo)});
            }
        }
        return true;
    }

  private:
    regex_t expression_ = {};
    bool compiled_ = false;
};

class PosixDialect : public ExpressionDialect {
  public:
    unsigned default_flags() const override { return REG_EXTENDED | REG_ICASE; }

    Flag toggle(char letter, unsigned& flags) const override {
        switch (letter) {
            case 'i':
                flags ^= REG_ICASE;
                return Flag::kKnown;
            case 'm':
                flags ^= REG_NEWLINE;
                return Flag::kKnown;
            case 'x':
                flags ^= REG_EXTENDED;
                return Flag::kKnown;
            default:
                return Flag::kUnknown;
        }
    }

    Result<std::unique_ptr<Expression>> compile(const std::string& pattern, unsigned flags,
                                                Groups groups) const override {
        auto expression = std::make_unique<PosixExpression>();
        unsigned all = groups == Groups::kIgnored ? flags | REG_NOSUB : flags;
        auto compiled = expression->compile(pattern, all);
        if (!compiled) {
            return fail_with(compiled);
        }
        return expression;
    }

    std::string_view undelimited_fate() const override { return "skipping"; }

    std::string_view zero_index() const override { return "out-of-range"; }

    bool has_second_pattern() const override { return true; }
};

}  // namespace

OpenedTable open_regexp_table(const OpenRequest& request) {
    static const PosixDialect dialect;
    return open_expression_table(request, dialect);
}

}  // namespace relais
