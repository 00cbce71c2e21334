// pcre: - Perl's expressions (PCRE2).  They match bytes; one that begins with "(*UTF)" matches
// characters, and never a key that is no UTF-8.
#include <array>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lib/base/format.h"
#include "lib/maps/patterns/expression_table.h"

namespace relais {

namespace {

struct FreeCode {
    void operator()(pcre2_code* code) const { ::pcre2_code_free(code); }
};

struct FreeMatch {
    void operator()(pcre2_match_data* match) const { ::pcre2_match_data_free(match); }
};

using CodePtr = std::unique_ptr<pcre2_code, FreeCode>;
using MatchPtr = std::unique_ptr<pcre2_match_data, FreeMatch>;

PCRE2_SPTR bytes_of(const std::string& text) {
    return reinterpret_cast<PCRE2_SPTR>(text.data());
}

std::string message_of(int code) {
    std::array<PCRE2_UCHAR, 256> text = {};
    int length = ::pcre2_get_error_message(code, text.data(), text.size());
    if (length < 0) {
        return format("unexpected pcre2 error code {}", code);
    }
    return reinterpret_cast<const char*>(text.data());
}

class PerlExpression : public Expression {
  public:
    explicit PerlExpression(CodePtr code)
        : code_(std::move(code)),
          match_(::pcre2_match_data_create_from_pattern(code_.get(), nullptr)) {}

    std::size_t groups() const override {
        std::uint32_t count = 0;
        ::pcre2_pattern_info(code_.get(), PCRE2_INFO_CAPTURECOUNT, &count);
        return count;
    }

    Result<bool> match(const std::string& subject, Spans* spans) const override {
        int found = ::pcre2_match(code_.get(), bytes_of(subject), subject.size(), 0, 0,
                                  match_.get(), nullptr);
        if (found == PCRE2_ERROR_NOMATCH) {
            return false;
        }
        if (found < 0) {
            return fail(Errc::kSystem, message_of(found));
        }
        if (spans != nullptr) {
            take_spans(found, *spans);
        }
        return true;
    }

  private:
    void take_spans(int found, Spans& spans) const {
        const PCRE2_SIZE* offsets = ::pcre2_get_ovector_pointer(match_.get());
        spans.assign(static_cast<std::size_t>(found), Span());
        for (std::size_t i = 0; i < spans.size(); ++i) {
            // \K in an expression can put the begin behind the end.
            if (offsets[2 * i] != PCRE2_UNSET && offsets[2 * i] <= offsets[2 * i + 1]) {
                spans[i] = {offsets[2 * i], offsets[2 * i + 1]};
            }
        }
    }

    CodePtr code_;
    MatchPtr match_;
};

class PerlDialect : public ExpressionDialect {
  public:
    unsigned default_flags() const override { return PCRE2_CASELESS | PCRE2_DOTALL; }

    Flag toggle(char letter, unsigned& flags) const override {
        switch (letter) {
            case 'i':
                flags ^= PCRE2_CASELESS;
                return Flag::kKnown;
            case 'm':
                flags ^= PCRE2_MULTILINE;
                return Flag::kKnown;
            case 's':
                flags ^= PCRE2_DOTALL;
                return Flag::kKnown;
            case 'x':
                flags ^= PCRE2_EXTENDED;
                return Flag::kKnown;
            case 'A':
                flags ^= PCRE2_ANCHORED;
                return Flag::kKnown;
            case 'E':
                flags ^= PCRE2_DOLLAR_ENDONLY;
                return Flag::kKnown;
            case 'U':
                flags ^= PCRE2_UNGREEDY;
                return Flag::kKnown;
            case 'X':
                return Flag::kObsolete;
            default:
                return Flag::kUnknown;
        }
    }

    Result<std::unique_ptr<Expression>> compile(const std::string& pattern, unsigned flags,
                                                Groups /*groups*/) const override {
        int error = 0;
        PCRE2_SIZE offset = 0;
        CodePtr code(
            ::pcre2_compile(bytes_of(pattern), pattern.size(), flags, &error, &offset, nullptr));
        if (!code) {
            return fail(Errc::kSyntax,
                        format("error in regex at offset {}: {}", offset, message_of(error)));
        }
        return std::make_unique<PerlExpression>(std::move(code));
    }

    std::string_view undelimited_fate() const override { return "ignoring"; }

    std::string_view zero_index() const override { return "out of range"; }

    bool has_second_pattern() const override { return false; }
};

}  // namespace

OpenedTable open_pcre_table(const OpenRequest& request) {
    static const PerlDialect dialect;
    return open_expression_table(request, dialect);
}

}  // namespace relais
