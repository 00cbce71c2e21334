#include "lib/maps/patterns/rule_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais {

namespace {

constexpr std::size_t kLargestSource = std::size_t{256} << 20;

Result<std::string_view> inside_of(std::string_view type, std::string_view group) {
    if (!group.starts_with('{')) {
        return fail(Errc::kSyntax,
                    format("{} map: no '{{' at start of text in \"{}\"", type, group));
    }
    auto inside = strip_braces(group);
    if (!inside) {
        return fail(Errc::kSyntax, format("{} map: {}", type, inside.error().message));
    }
    return *inside;
}

Result<RuleSource> read_inline(std::string_view type, std::string_view name) {
    auto list = inside_of(type, name);
    if (!list) {
        return fail_with(list);
    }
    RuleSource source;
    for (const std::string& item : split_list(*list)) {
        auto rule = inside_of(type, item);
        if (!rule) {
            return fail_with(rule);
        }
        source.text += *rule;
        source.text += '\n';
    }
    return source;
}

// `word` and then nothing that could belong to it.
bool take_word(std::string_view& line, std::string_view word) {
    if (!istarts_with(line, word) || (line.size() > word.size() && is_alnum(line[word.size()]))) {
        return false;
    }
    line = trim_left(line.substr(word.size()));
    return true;
}

}  // namespace

Result<RuleSource> read_rule_source(std::string_view type, const std::string& name) {
    if (name.starts_with('{')) {
        return read_inline(type, name);
    }
    auto file = open_file(name, O_RDONLY);
    if (!file) {
        return fail_errno("open " + name, file.error().sys_errno);
    }
    RuleSource source;
    struct stat status = {};
    if (::fstat(file->get(), &status) == 0) {
        source.owner = status.st_uid;
    }
    if (auto text = read_all(file->get(), kLargestSource)) {
        source.text = std::move(*text);
    } else {
        source.unreadable = text.error();
    }
    return source;
}

Statement take_statement(std::string_view& line) {
    if (take_word(line, "ENDIF")) {
        return Statement::kEndif;
    }
    return take_word(line, "IF") ? Statement::kIf : Statement::kRule;
}

std::size_t RuleNesting::close() {
    std::size_t index = open_.back().index;
    open_.pop_back();
    return index;
}

}  // namespace relais
