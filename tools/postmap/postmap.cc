// postmap(1): makes lookup tables out of text files, and queries, changes and lists tables of any
// type.  Runs with the rights of whoever calls it; root takes on the owner of each source file.
// What postalias does as well is in lib/maps/build/table_command.h and table_tool.h.

#include <optional>

#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/maps/build/table_command.h"
#include "lib/maps/file_value.h"
#include "lib/maps/map_source.h"

#include "tools/postmap/message_keys.h"

using namespace relais;

namespace {

struct Options : TableCommand {
    MessageKeys message;
};

[[noreturn]] void usage() {
    log_fatal(
        "usage: postmap [-bfFhimnNoprsuUvw] [-c config_dir] [-d key] [-q key] "
        "[map_type:]file...");
}

bool take_own(Options& out, int option) {
    switch (option) {
        case 'b':
            out.message.body = true;
            return true;
        case 'h':
            out.message.headers = true;
            return true;
        case 'm':
            out.message.mime = true;
            return true;
        case 'F':
            out.tool.values_are_files = true;
            out.tool.flags |= table_flag::kValueIsFile;
            return true;
        case 'U':
            out.utf8 = true;
            return true;
        default:
            return false;
    }
}

Options parse(int argc, char** argv) {
    Options out;
    for (int option; (option = ::getopt(argc, argv, "+bc:d:fFhijmnNopq:rsuUvw")) != -1;) {
        if (!out.take(option) && !take_own(out, option)) {
            usage();
        }
    }
    return out;
}

// -F: the content of the files that a value names, joined with newlines, as base64.
std::optional<std::string> content_of_files(std::string_view names, const std::string& where) {
    auto content = encode_files(names);
    if (!content) {
        log_warning("{}: {}: skipping this entry", where, content.error().message);
        return std::nullopt;
    }
    return std::move(*content);
}

void add_entry(const TableTool& tool, Table& table, const TableTool::Line& line) {
    if ((table.flags() & table_flag::kUtf8Active) != 0 && !is_utf8(line.text)) {
        log_warning("{}: non-UTF-8 input \"{}\" -- ignoring this line", line.where(),
                    printable(line.text));
        return;
    }
    auto entry = parse_map_entry(line.text);
    if (!entry && entry.error() == SourceFault::kUnbalancedQuote) {
        log_warning("{}: unbalanced '\"' in '{}' -- ignoring this line", line.where(), line.text);
        return;
    }
    if (!entry) {
        log_warning("{}: expected format: key whitespace value", line.where());
        return;
    }
    if (entry->key.back() == ':') {
        log_warning("{}: record is in \"key: value\" format; is this an alias file?", line.where());
    }
    if (!tool.values_are_files) {
        store_entry(table, entry->key, entry->value);
    } else if (auto content = content_of_files(entry->value, line.where())) {
        store_entry(table, entry->key, *content);
    }
}

void build_all(const TableTool& tool) {
    for (const std::string& reference : tool.tables) {
        auto add = [&tool](Table& table, const TableTool::Line& line) {
            add_entry(tool, table, line);
        };
        tool.build(reference, add, [](Table&) {});
    }
}

int run(const Options& options) {
    if (options.query == "-" && options.message.wanted()) {
        return query_message(options.tool, options.message);
    }
    if (auto status = options.run_request()) {
        return *status;
    }
    build_all(options.tool);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    begin_table_command("postmap", argv);
    Options options = parse(argc, argv);
    configure_table_command("postmap");
    if ((options.message.headers || options.message.body || options.message.mime) &&
        options.query != "-") {
        log_fatal("specify -b -h or -m only with \"-q -\"");
    }
    if (options.message.mime && !options.message.wanted()) {
        log_warning("ignoring -m option without -b or -h");
    }
    if (::optind >= argc) {
        usage();
    }
    options.take_tables(argc, argv);
    int status = run(options);
    end_table_command();
    return status;
}
