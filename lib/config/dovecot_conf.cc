#include "lib/config/dovecot_conf.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <glob.h>

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
    section.file = path_;
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
                                     line, in_file, path_});
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

namespace {

constexpr std::size_t kMaxFiles = 1000;

class TreeLoader {
  public:
    Result<DovecotSection> load(const std::string& path, std::size_t depth) {
        if (depth > kMaxDepth || ++files_ > kMaxFiles) {
            return fail(Errc::kTooLarge, path + ": too many files are included");
        }
        auto text = read_file(path, kMaxFile);
        if (!text) {
            return fail_with(text);
        }
        auto parsed = parse_dovecot_conf(*text, path);
        if (!parsed) {
            return parsed;
        }
        DovecotSection whole;
        if (auto done = take(whole, std::move(*parsed), depth); !done) {
            return fail_with(done);
        }
        return whole;
    }

  private:
    // What stands in the section, with the files that it includes in their places.
    Result<void> take(DovecotSection& to, DovecotSection from, std::size_t depth) {
        std::size_t next = 0;
        auto take_sections_before = [&](std::size_t line) -> Result<void> {
            for (; next < from.sections.size() && from.sections[next].line < line; ++next) {
                DovecotSection& section = from.sections[next];
                DovecotSection made;
                made.type = section.type;
                made.name = section.name;
                made.line = section.line;
                made.file = section.file;
                if (auto done = take(made, std::move(section), depth); !done) {
                    return done;
                }
                to.sections.push_back(std::move(made));
            }
            return {};
        };
        for (DovecotSetting& setting : from.settings) {
            if (!setting.name.starts_with("!include")) {
                to.settings.push_back(std::move(setting));
                continue;
            }
            auto done = take_sections_before(setting.line);
            done = done ? include(to, setting, depth) : done;
            if (!done) {
                return done;
            }
        }
        return take_sections_before(std::string::npos);
    }

    Result<void> include(DovecotSection& to, const DovecotSetting& setting, std::size_t depth) {
        std::string pattern = setting.value;
        if (!pattern.starts_with('/')) {
            pattern = setting.file.substr(0, setting.file.rfind('/') + 1) + pattern;
        }
        glob_t found{};
        bool any = ::glob(pattern.c_str(), 0, nullptr, &found) == 0;
        std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + (any ? found.gl_pathc : 0));
        ::globfree(&found);
        bool wanted = setting.name == "!include" && pattern.find('*') == std::string::npos;
        if (paths.empty() && wanted) {
            return fail(Errc::kNotFound,
                        format("{}, line {}: there is no {}", setting.file, setting.line, pattern));
        }
        for (const std::string& path : paths) {
            auto loaded = load(path, depth + 1);
            if (!loaded && setting.name == "!include_try") {
                continue;
            }
            if (!loaded) {
                return fail_with(loaded);
            }
            std::ranges::move(loaded->settings, std::back_inserter(to.settings));
            std::ranges::move(loaded->sections, std::back_inserter(to.sections));
        }
        return {};
    }

    std::size_t files_ = 0;
};

}  // namespace

Result<DovecotSection> load_dovecot_tree(const std::string& path) {
    return TreeLoader().load(path, 0);
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
