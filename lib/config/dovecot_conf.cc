#include "lib/config/dovecot_conf.h"

#include <algorithm>
#include <optional>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{4} << 20;
constexpr std::size_t kMaxDepth = 16;

struct LogicalLine {
    std::string text;
    std::size_t number = 0;  // of its first line
};

// Where a comment begins: not inside quotes, and only at the start or behind a blank.
std::size_t comment_start(std::string_view line) {
    char quote = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        char c = line[i];
        if (quote != 0 && c == '\\') {
            ++i;
        } else if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            // Inside a word it is an apostrophe, and in SQL a literal, which ends on the line.
            quote = line.find(c, i + 1) == std::string_view::npos ? 0 : c;
        } else if (c == '#' && (i == 0 || is_blank(line[i - 1]))) {
            return i;
        }
    }
    return line.size();
}

std::vector<LogicalLine> logical_lines(std::string_view text) {
    std::vector<LogicalLine> lines;
    std::size_t number = 0;
    bool goes_on = false;
    for (std::string_view raw : split_fields(text, '\n')) {
        ++number;
        std::string_view line = trim(raw, " \t\r");
        line = trim(line.substr(0, comment_start(line)), " \t\r");
        bool more = line.ends_with('\\');
        if (more) {
            line = trim(line.substr(0, line.size() - 1), " \t");
        }
        if (!goes_on) {
            lines.push_back({std::string(line), number});
        } else {
            lines.back().text.append(" ").append(line);
        }
        goes_on = more;
    }
    return lines;
}

std::string unquote(std::string_view value) {
    bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                  value.back() == value.front();
    if (!quoted) {
        return std::string(value);
    }
    std::string out;
    for (std::size_t i = 1; i + 1 < value.size(); ++i) {
        if (value[i] == '\\' && i + 2 < value.size()) {
            ++i;
        }
        out += value[i];
    }
    return out;
}

class Parser {
  public:
    explicit Parser(const std::string& path) : path_(path) {}

    Result<DovecotSection> parse(std::string_view text) {
        open_.emplace_back();
        for (const LogicalLine& line : logical_lines(text)) {
            if (auto read = read_line(line); !read) {
                return fail_with(read);
            }
        }
        if (open_.size() > 1) {
            return wrong(open_.back().line, format("section {} is not closed", open_.back().type));
        }
        return std::move(open_.front());
    }

  private:
    std::unexpected<Error> wrong(std::size_t line, std::string_view what) const {
        return fail(Errc::kSyntax, format("{}, line {}: {}", path_, line, what));
    }

    Result<void> read_line(const LogicalLine& line);
    Result<void> open_section(std::string_view head, std::size_t line);
    void add_setting(std::string_view name, std::string_view value, std::size_t line);

    const std::string& path_;
    std::vector<DovecotSection> open_;  // the file, and the sections that are not closed yet
};

Result<void> Parser::read_line(const LogicalLine& line) {
    std::string_view text = line.text;
    if (text.empty()) {
        return {};
    }
    if (text == "}") {
        if (open_.size() == 1) {
            return wrong(line.number, "there is no section that \"}\" could close");
        }
        DovecotSection done = std::move(open_.back());
        open_.pop_back();
        open_.back().sections.push_back(std::move(done));
        return {};
    }
    if (text.front() == '!') {
        auto parts = split_first(text, ' ');
        add_setting(parts ? parts->first : text, parts ? trim(parts->second) : "", line.number);
        return {};
    }
    auto equals = text.find('=');
    auto brace = text.find('{');
    if (brace < equals) {
        return open_section(text, line.number);
    }
    if (equals == std::string_view::npos) {
        return wrong(line.number,
                     format("\"{}\" is neither a setting nor a section", printable(text)));
    }
    add_setting(trim(text.substr(0, equals)), trim(text.substr(equals + 1)), line.number);
    return {};
}

// "type name {"; an empty section may close on the same line.
Result<void> Parser::open_section(std::string_view head, std::size_t line) {
    if (open_.size() > kMaxDepth) {
        return wrong(line, "sections are nested too deeply");
    }
    auto brace = head.find('{');
    std::string_view rest = trim(head.substr(brace + 1));
    head = trim(head.substr(0, brace));
    auto blank = head.find_first_of(" \t");
    DovecotSection section;
    section.type = std::string(head.substr(0, blank));
    section.name = blank == std::string_view::npos ? "" : unquote(trim(head.substr(blank)));
    section.line = line;
    if (rest.empty()) {
        open_.push_back(std::move(section));
    } else if (rest == "}") {
        open_.back().sections.push_back(std::move(section));
    } else {
        return wrong(line, "a section's settings begin on the line behind \"{\"");
    }
    return {};
}

void Parser::add_setting(std::string_view name, std::string_view value, std::size_t line) {
    bool in_file = value.starts_with('<') && !name.starts_with('!');
    open_.back().settings.push_back({std::string(name),
                                     in_file ? std::string(trim(value.substr(1))) : unquote(value),
                                     line, in_file});
}

}  // namespace

const DovecotSetting* DovecotSection::find(std::string_view setting) const {
    auto found =
        std::ranges::find(settings.rbegin(), settings.rend(), setting, &DovecotSetting::name);
    return found == settings.rend() ? nullptr : &*found;
}

std::string_view DovecotSection::get(std::string_view setting) const {
    const DovecotSetting* found = find(setting);
    return found == nullptr ? std::string_view() : found->value;
}

Result<DovecotSection> parse_dovecot_conf(std::string_view text, const std::string& path) {
    return Parser(path).parse(text);
}

Result<DovecotSection> load_flat_dovecot_conf(const std::string& path) {
    auto text = read_file(path, kMaxFile);
    if (!text) {
        return fail_with(text);
    }
    auto parsed = parse_dovecot_conf(*text, path);
    if (!parsed) {
        return parsed;
    }
    if (!parsed->sections.empty()) {
        return fail(Errc::kSyntax, format("{}, line {}: there are no sections in this file", path,
                                          parsed->sections.front().line));
    }
    for (DovecotSetting& setting : parsed->settings) {
        if (setting.in_file) {
            auto value = read_file(setting.value, kMaxFile);
            if (!value) {
                return fail(Errc::kSystem,
                            format("{}, line {}: {}", path, setting.line, value.error().message));
            }
            setting.value = std::string(trim_right(*value, "\r\n"));
            setting.in_file = false;
        }
    }
    return parsed;
}

}  // namespace relais
