// The $ language: random expressions against a model that knows their meaning without reading them.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <vector>

#include "lib/config/expand.h"
#include "lib/config/main_cf.h"
#include "lib/config/master_cf.h"
#include "lib/config/values.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

using Values = std::map<std::string, std::string, std::less<>>;

// A part of an expression: as it is written, and what it means.
struct Piece {
    std::string source;
    std::string meaning;
};

class Generator {
  public:
    explicit Generator(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
    }

    template <class T, std::size_t N>
    const T& one_of(const std::array<T, N>& choices) {
        return choices.at(below(N));
    }

    // A variable with a random value, made of those before it.
    void define() {
        auto piece = below(4) == 0 ? Piece{} : sequence(3);
        auto name = "v" + std::to_string(sources_.size());
        sources_.emplace(name, piece.source);
        meanings_.emplace(name, piece.meaning);
        names_.push_back(name);
    }

    Piece sequence(int depth) {
        Piece all;
        for (auto n = below(4); n > 0; --n) {
            auto piece = any(depth);
            all.source += piece.source;
            all.meaning += piece.meaning;
            // "$a" and what follows it must not grow together to another name.
            all.source += " ";
            all.meaning += " ";
        }
        return all;
    }

    const Values& sources() const { return sources_; }

  private:
    Piece any(int depth) {
        switch (depth > 0 ? below(7) : below(3)) {
            case 0:
                return text();
            case 1:
                return {"$$", "$"};
            case 2:
                return reference();
            case 3:
                return conditional(depth - 1);
            case 4:
                return {"${domain_to_ascii{example}}", "example"};
            default:
                return comparison(depth - 1);
        }
    }

    Piece text() {
        static constexpr std::array<const char*, 8> kTexts = {
            "x", "10", "9", "a:b?c", "{in {braces}}", "", "==", "\t#\\\"'\xff"};
        std::string chosen = one_of(kTexts);
        return {chosen, chosen};
    }

    Piece reference() {
        if (names_.empty() || below(8) == 0) {
            return {"${nosuch}", ""};
        }
        auto name = names_.at(below(names_.size()));
        static constexpr std::array<std::array<const char*, 2>, 5> kForms = {
            {{"$", ""}, {"${", "}"}, {"$(", ")"}, {"${ ", " }"}, {"${\t", "}"}}};
        const auto& [before, after] = one_of(kForms);
        return {before + name + after, meanings_.at(name)};
    }

    std::string blanks() { return std::string(below(3), ' '); }

    // A branch in braces, or (the last one) as it is.
    std::string in_braces(const Piece& piece) { return blanks() + "{" + piece.source + "}"; }

    Piece conditional(int depth) {
        auto name = names_.empty() || below(5) == 0 ? "nosuch" : names_.at(below(names_.size()));
        bool is_true = sources_.contains(name) && !sources_.at(name).empty();
        auto yes = sequence(depth);
        auto no = sequence(depth);
        auto start = "${" + name + blanks();
        switch (below(4)) {
            case 0:
                return {start + "?" + in_braces(yes) + "}", is_true ? yes.meaning : ""};
            case 1:
                return {start + ":" + in_braces(no) + "}", is_true ? "" : no.meaning};
            case 2:
                return {start + "?x" + yes.source + "}", is_true ? "x" + yes.meaning : ""};
            default:
                return {
                    start + "?" + in_braces(yes) + blanks() + ":" + in_braces(no) + blanks() + "}",
                    is_true ? yes.meaning : no.meaning};
        }
    }

    Piece comparison(int depth) {
        auto left = below(2) == 0 ? text() : sequence(depth);
        auto right = below(2) == 0 ? left : text();
        static constexpr std::array<const char*, 6> kOperators = {"==", "!=", "<", "<=", ">", ">="};
        std::string op = one_of(kOperators);
        int order = model_compare(left.meaning, right.meaning);
        bool is_true = (order == 0 && (op == "==" || op == "<=" || op == ">=")) ||
                       (order < 0 && (op == "<" || op == "<=" || op == "!=")) ||
                       (order > 0 && (op == ">" || op == ">=" || op == "!="));
        auto yes = sequence(depth);
        auto no = sequence(depth);
        auto start = "${" + in_braces(left) + blanks() + op + in_braces(right) + blanks();
        if (below(3) == 0) {
            return {start + "}", is_true ? "true" : ""};
        }
        return {start + "?" + in_braces(yes) + ":" + in_braces(no) + "}",
                is_true ? yes.meaning : no.meaning};
    }

    // The texts above hold no numbers that a long cannot.
    static int model_compare(const std::string& left, const std::string& right) {
        auto is_number = [](const std::string& text) {
            return !text.empty() &&
                   std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
        };
        if (is_number(left) && is_number(right) && left.size() < 18 && right.size() < 18) {
            auto a = std::stol(left);
            auto b = std::stol(right);
            return a < b ? -1 : a > b ? 1 : 0;
        }
        return left.compare(right);
    }

    std::mt19937 random_;
    Values sources_;
    Values meanings_;
    std::vector<std::string> names_;
};

ExpandOptions options_for(const Values& values) {
    ExpandOptions options;
    options.recurse = true;
    options.lookup = [&values](std::string_view name) -> std::optional<std::string> {
        auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
    return options;
}

std::string random_bytes(Generator& generator, std::string_view alphabet, std::size_t limit) {
    std::string out;
    for (auto n = generator.below(limit); n > 0; --n) {
        out += alphabet[generator.below(alphabet.size())];
    }
    return out;
}

}  // namespace

TEST_CASE("config/expand: random expressions mean what the model says") {
    for (unsigned seed = 1; seed <= 400; ++seed) {
        Generator generator(seed);
        for (int i = 0; i < 5; ++i) {
            generator.define();
        }
        auto piece = generator.sequence(4);
        INFO("seed " << seed << ": " << piece.source);
        auto result = expand(piece.source, options_for(generator.sources()));
        REQUIRE(result);
        CHECK(result->text == piece.meaning);
    }
}

TEST_CASE("config/expand: any text whose dollars are doubled is itself") {
    Generator generator(7);
    for (int i = 0; i < 500; ++i) {
        auto text = random_bytes(generator, "$a{}()?: =<\\\n", 30);
        std::string doubled;
        for (char c : text) {
            doubled.append(c == '$' ? 2 : 1, c);
        }
        auto result = expand(doubled, options_for({}));
        REQUIRE(result);
        CHECK(result->text == text);
        CHECK_FALSE(result->undefined);
    }
}

TEST_CASE("config/expand: any bytes are expanded or refused with a reason") {
    const Values values = {{"a", "$b"}, {"b", "${c?{$a}}"}, {"c", ""}, {"d", "$d"}};
    auto options = options_for(values);
    Generator generator(11);
    std::size_t expanded = 0;
    for (int i = 0; i < 3000; ++i) {
        auto text = random_bytes(generator, "$$$${{}}()?:abcd =<> level1.", 24);
        auto result = expand(text, options);
        expanded += result ? 1 : 0;
        if (!result) {
            CHECK_FALSE(result.error().message.empty());
        }
    }
    CHECK(expanded > 100);
    CHECK(expanded < 2900);
}

TEST_CASE("config/expand: a name is found at depth 100, and not below") {
    auto chain = [](int length, const std::string& last) {
        Values values;
        for (int i = 0; i < length; ++i) {
            values.emplace("c" + std::to_string(i), "$c" + std::to_string(i + 1));
        }
        values.emplace("c" + std::to_string(length), last);
        return values;
    };
    CHECK(expand("<$c0>", options_for(chain(99, "end")))->text == "<end>");
    auto too_long = expand("<$c0>", options_for(chain(100, "end")));
    REQUIRE_FALSE(too_long);
    CHECK(too_long.error().message == "unreasonable macro call nesting: \"end\"");
    CHECK(expand("<$c0>", options_for(chain(100, "")))->text == "<>");
}

TEST_CASE("config/expand: names that mean each other end in Postfix's words") {
    const Values loop = {{"a", "$b"}, {"b", "$a"}};
    auto options = options_for(loop);
    CHECK(expand("$a", options).error().message == "unreasonable macro call nesting: \"b\"");
    CHECK(expand("$b", options).error().message == "unreasonable macro call nesting: \"a\"");
    const Values nested = {{"a", "${{$a $a} == {$a} ? {$a} : {$a}}"}};
    CHECK_FALSE(expand("$a", options_for(nested)));
}

TEST_CASE("config/expand: what would never end is refused") {
    Values values = {{"c0", ""}};
    for (int i = 1; i < 90; ++i) {
        auto before = "$c" + std::to_string(i - 1);
        values.emplace("c" + std::to_string(i), before + before);
    }
    auto options = options_for(values);
    CHECK(expand("$c15", options)->text.empty());
    auto refused = expand("$c89", options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.starts_with("too many macro calls: "));
    values.insert_or_assign("c0", std::string(100'000, 'x'));
    CHECK_FALSE(expand("$c15", options));
}

TEST_CASE("config/main_cf: entries come back from lines folded anywhere between words") {
    Generator generator(13);
    for (int round = 0; round < 100; ++round) {
        std::vector<std::pair<std::string, std::string>> wanted;
        std::string text;
        for (auto n = 1 + generator.below(5); n > 0; --n) {
            auto name = "n" + random_bytes(generator, "abc_19", 8);
            std::string value;
            text += name + (generator.below(2) == 0 ? "=" : " = ");
            for (auto words = generator.below(5); words > 0; --words) {
                auto word = "w" + random_bytes(generator, "x#={}$,\"\\", 6);
                value += (value.empty() ? "" : " ") + word;
                text += word + (generator.below(2) == 0 ? " " : "\n# a comment\n\n ");
            }
            text += "\n";
            wanted.emplace_back(name, value);
        }
        INFO(text);
        auto entries = parse_main_cf(text, "main.cf");
        REQUIRE(entries);
        REQUIRE(entries->size() == wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            CHECK(entries->at(i).name == wanted[i].first);
            CHECK(entries->at(i).value == wanted[i].second);
        }
    }
}

TEST_CASE("config/master_cf: arguments come back from braces") {
    Generator generator(17);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> wanted;
        std::string line = "s unix - - n - - pipe";
        for (auto n = generator.below(6); n > 0; --n) {
            std::string argument = "a" + random_bytes(generator, "b =,$\"", 8) + "{c d}e";
            wanted.push_back(argument);
            line += " { " + argument + " }";
        }
        INFO(line);
        auto lines = parse_master_lines(line, "master.cf");
        REQUIRE(lines);
        CHECK(lines->front().arguments == wanted);
    }
}

TEST_CASE("config/values: lists and assignments come back from braces") {
    Generator generator(19);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> items;
        std::string list;
        for (auto n = generator.below(6); n > 0; --n) {
            auto inside = "x" + random_bytes(generator, "a, =\t", 8);
            items.push_back(generator.below(2) == 0 ? "{" + inside + "}" : "plain");
            list += items.back() + (generator.below(2) == 0 ? ", " : "\t");
        }
        INFO(list);
        CHECK(split_list(list) == items);
    }
    auto assignment = parse_assignment("{ name = {a, b} = c }");
    REQUIRE(assignment);
    CHECK(assignment->name == "name");
    CHECK(assignment->value == "{a, b} = c");
}
