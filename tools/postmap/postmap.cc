// postmap(1): makes lookup tables out of text files, and queries, changes and lists tables of any
// type.  Runs with the rights of whoever calls it; root takes on the owner of each source file.
// The work with tables is in lib/maps/table_tool.h.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/log_setup.h"
#include "lib/config/values.h"
#include "lib/maps/file_value.h"
#include "lib/maps/map_source.h"
#include "lib/maps/table_tool.h"

#include "tools/postmap/message_keys.h"

using namespace relais;

namespace {

struct Options {
    TableTool tool;
    MessageKeys message;
    std::optional<std::string> query;
    std::optional<std::string> erase;
    bool list = false;
    bool utf8 = true;
};

[[noreturn]] void usage() {
    log_fatal(
        "usage: postmap [-bfFhimnNoprsuUvw] [-c config_dir] [-d key] [-q key] "
        "[map_type:]file...");
}

void set_duplicates(TableTool& tool, TableFlags how) {
    tool.flags &=
        ~(table_flag::kWarnDuplicate | table_flag::kIgnoreDuplicate | table_flag::kReplace);
    tool.flags |= how;
}

void set_nul(TableTool& tool, TableFlags how) {
    tool.flags &= ~(table_flag::kTryWithNul | table_flag::kTryWithoutNul);
    tool.flags |= how;
}

void one_of(const Options& out) {
    if (out.list || out.query || out.erase) {
        log_fatal("specify only one of -s -q or -d");
    }
}

// The options that say how; true where `option` was one of them.
bool set_manner(Options& out, int option) {
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
        case 'f':
            out.tool.flags &= ~table_flag::kFoldFixed;
            return true;
        case 'F':
            out.tool.values_are_files = true;
            out.tool.flags |= table_flag::kValueIsFile;
            return true;
        case 'j':
            out.tool.form = TableTool::Form::kJson;
            return true;
        case 'n':
            set_nul(out.tool, table_flag::kTryWithoutNul);
            return true;
        case 'N':
            set_nul(out.tool, table_flag::kTryWithNul);
            return true;
        case 'o':
            out.tool.runs_as_owner = false;
            return true;
        case 'p':
            out.tool.keeps_permissions = false;
            return true;
        case 'r':
            set_duplicates(out.tool, table_flag::kReplace);
            return true;
        case 'w':
            set_duplicates(out.tool, table_flag::kIgnoreDuplicate);
            return true;
        case 'u':
            out.utf8 = false;
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
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "bc:d:fFhijmnNopq:rsuUvw")) != -1;) {
        switch (option) {
            case 'c':
                ::setenv("MAIL_CONFIG", ::optarg, 1);
                break;
            case 'd':
                one_of(out);
                out.erase = ::optarg;
                break;
            case 'q':
                one_of(out);
                out.query = ::optarg;
                break;
            case 's':
                if (out.query || out.erase) {
                    log_fatal("specify only one of -s or -q or -d");
                }
                out.list = true;
                break;
            case 'i':
                out.tool.incremental = true;
                break;
            case 'v':
                set_log_verbose(++verbose);
                break;
            default:
                if (!set_manner(out, option)) {
                    usage();
                }
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

void load_configuration() {
    ConfigOptions wanted;
    wanted.process_name = "postmap";
    auto config = Config::load(wanted);
    if (!config) {
        log_fatal("{}", config.error().message);
    }
    set_conf(std::move(*config));
    open_log("postmap", LogStderr::kYes);
}

int run(const Options& options) {
    const TableTool& tool = options.tool;
    if (options.list) {
        tool.list();
        return 0;
    }
    if (options.query == "-") {
        return options.message.wanted() ? query_message(tool, options.message) : tool.query_input();
    }
    if (options.query) {
        return tool.query(*options.query);
    }
    if (options.erase) {
        return options.erase == "-" ? tool.erase_input() : tool.erase(*options.erase);
    }
    build_all(tool);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    open_early_log("postmap", LogStderr::kYes);
    char name[] = "postmap";  // getopt(3) begins its messages with it
    argv[0] = name;
    Options options = parse(argc, argv);
    load_configuration();
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
    if (options.utf8) {
        options.tool.flags |= table_flag::kUtf8Request;
    }
    for (int i = ::optind; i < argc; ++i) {
        options.tool.tables.push_back(with_table_type(argv[i]));
    }
    int status = run(options);
    std::fflush(stdout);
    log_flush(1000);
    return status;
}
