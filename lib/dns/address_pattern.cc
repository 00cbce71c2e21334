#include "lib/dns/address_pattern.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

class PatternParser {
  public:
    explicit PatternParser(std::string_view text) : text_(text) {}

    // Throws nothing: the first thing that is wrong stays in trouble().
    std::bitset<256> number();
    bool literal(char wanted, std::string_view otherwise);
    void end();

    bool at_end() const { return at_ >= text_.size(); }

    const std::string& trouble() const { return trouble_; }

  private:
    std::optional<unsigned> decimal();
    std::bitset<256> choice();
    void complain(std::string_view what);

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t last_ = 0;  // where the piece begins that is wrong
    std::string trouble_;
};

// The text with the piece that is wrong between ">" and "<".
void PatternParser::complain(std::string_view what) {
    if (trouble_.empty()) {
        trouble_ = format("{} at \"{}>{}<{}\"", what, text_.substr(0, last_),
                          text_.substr(last_, at_ - last_), text_.substr(at_));
    }
}

std::optional<unsigned> PatternParser::decimal() {
    last_ = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) {
        ++at_;
    }
    const auto value = parse_uint(text_.substr(last_, at_ - last_));
    if (!value || *value > 255) {
        at_ += at_ == last_ && at_ < text_.size() ? 1 : 0;
        complain("need decimal number 0..255");
        return std::nullopt;
    }
    return static_cast<unsigned>(*value);
}

bool PatternParser::literal(char wanted, std::string_view otherwise) {
    last_ = at_;
    if (at_ < text_.size() && text_[at_] == wanted) {
        ++at_;
        return true;
    }
    at_ += at_ < text_.size() ? 1 : 0;
    complain(otherwise);
    return false;
}

// What stands between "[" and "]".
std::bitset<256> PatternParser::choice() {
    std::bitset<256> chosen;
    for (;;) {
        const auto from = decimal();
        auto to = from;
        if (from && text_.substr(at_).starts_with("..")) {
            at_ += 2;
            to = decimal();
        }
        if (!from || !to) {
            return chosen;
        }
        if (*from > *to) {
            complain("numeric range error");
            return chosen;
        }
        for (unsigned value = *from; value <= *to; ++value) {
            chosen.set(value);
        }
        if (at_end()) {
            last_ = at_;
            complain("missing \"]\" character");
            return chosen;
        }
        if (text_[at_] == ']') {
            ++at_;
            return chosen;
        }
        if (!literal(';', "need \";\" or \"]\"")) {
            return chosen;
        }
    }
}

std::bitset<256> PatternParser::number() {
    if (!at_end() && text_[at_] == '[') {
        ++at_;
        return choice();
    }
    std::bitset<256> one;
    if (const auto value = decimal()) {
        one.set(*value);
    }
    return one;
}

void PatternParser::end() {
    last_ = at_;
    if (!at_end()) {
        ++at_;
        complain("garbage after pattern");
    }
}

}  // namespace

Result<AddressPattern> AddressPattern::parse(std::string_view text) {
    if (text.empty()) {
        return fail(Errc::kSyntax, "empty address pattern");
    }
    AddressPattern pattern;
    PatternParser parser(text);
    for (std::size_t i = 0; i < pattern.numbers_.size() && parser.trouble().empty(); ++i) {
        if (i == 0 || parser.literal('.', "need \".\"")) {
            pattern.numbers_[i] = parser.number();
        }
    }
    if (parser.trouble().empty()) {
        parser.end();
    }
    if (!parser.trouble().empty()) {
        return fail(Errc::kSyntax, parser.trouble());
    }
    return pattern;
}

bool AddressPattern::matches(std::string_view address) const {
    const auto fields = split_fields(address, '.');
    return fields.size() == numbers_.size() &&
           std::ranges::equal(fields, numbers_, [](std::string_view field, const auto& allowed) {
               const auto value = parse_uint(field);
               return value && *value < allowed.size() && allowed.test(*value);
           });
}

}  // namespace relais
