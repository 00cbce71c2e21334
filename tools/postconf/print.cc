#include "tools/postconf/print.h"

#include <cstdio>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::postconf {

namespace {

constexpr std::size_t kLineLimit = 80;
constexpr std::string_view kIndent = "    ";

}  // namespace

std::string format_line(std::string_view text, const Options& options) {
    std::string out;
    std::size_t length = 0;
    for (auto word : split_words(text)) {
        if (length == 0) {
            length = word.size();
        } else if (options.fold && length + 1 + word.size() > kLineLimit) {
            out += '\n';
            out += kIndent;
            length = kIndent.size() + word.size();
        } else {
            out += ' ';
            length += 1 + word.size();
        }
        out += word;
    }
    return out;
}

std::string format_value(std::string_view name, std::string_view value, const Options& options) {
    if (options.json) {
        return format("{{{}: {}}}", json_string(name), json_string(format_line(value, Options{})));
    }
    if (options.hide_value) {
        return std::string(name);
    }
    if (options.hide_name) {
        return format_line(value, options);
    }
    return format_line(format("{} = {}", name, value), options);
}

void print_line(std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
}

void flush_output() {
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        log_fatal("write error: {}", "standard output");
    }
}

}  // namespace relais::postconf
