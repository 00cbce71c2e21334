// postalias(1): makes alias databases out of files in the form of aliases(5), and queries, changes
// and lists them.  Runs with the rights of whoever calls it; root takes on the owner of each source
// file.  The work with tables is in lib/maps/table_tool.h.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/log_setup.h"
#include "lib/mail/casefold.h"
#include "lib/maps/table_tool.h"

#include "tools/postalias/alias_entry.h"

using namespace relais;

namespace {

struct Options {
    TableTool tool;
    std::optional<std::string> query;
    std::optional<std::string> erase;
    bool list = false;
    bool utf8 = true;
};

[[noreturn]] void usage() {
    log_fatal(
        "usage: postalias [-Nfinoprsuvw] [-c config_dir] [-d key] [-q key] [map_type:]file...");
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

bool set_manner(Options& out, int option) {
    switch (option) {
        case 'f':
            out.tool.flags &= ~table_flag::kFoldFixed;
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
        default:
            return false;
    }
}

Options parse(int argc, char** argv) {
    Options out;
    out.tool.form = TableTool::Form::kAlias;
    int verbose = 0;
    for (int option; (option = ::getopt(argc, argv, "Nc:d:fijnopq:rsuvw")) != -1;) {
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

void add_entry(const TableTool& tool, Table& table, const TableTool::Line& line) {
    if ((table.flags() & table_flag::kUtf8Active) != 0 && !is_utf8(line.text)) {
        log_warning("{}: non-UTF-8 input \"{}\" -- ignoring this line", line.where(),
                    printable(line.text));
        return;
    }
    auto entry = parse_alias(line.text);
    if (!entry) {
        log_warning("{}: {}", line.where(), entry.error().message);
        return;
    }
    if ((tool.flags & table_flag::kFoldFixed) != 0) {
        bool utf8 = (table.flags() & table_flag::kUtf8Active) != 0;
        entry->name = utf8 ? fold_case(entry->name) : lowercase(entry->name);
    }
    store_entry(table, entry->name, entry->value);
}

// What sendmail and NIS look for to see that a database is complete; NIS knows no final NUL.
void add_signatures(Table& table) {
    store_entry(table, "@", "@");
    table.omit_final_nul();
    store_entry(table, "YP_LAST_MODIFIED", format("{:010}", std::time(nullptr)));
    store_entry(table, "YP_MASTER_NAME", conf().myhostname());
}

// The table does not fold the keys here, because it must not fold the signatures.
void build_all(const TableTool& tool) {
    TableTool builder = tool;
    builder.flags &= ~table_flag::kFoldFixed;
    for (const std::string& reference : tool.tables) {
        auto add = [&tool](Table& table, const TableTool::Line& line) {
            add_entry(tool, table, line);
        };
        builder.build(reference, add, add_signatures);
    }
}

void load_configuration() {
    ConfigOptions wanted;
    wanted.process_name = "postalias";
    auto config = Config::load(wanted);
    if (!config) {
        log_fatal("{}", config.error().message);
    }
    set_conf(std::move(*config));
    open_log("postalias", LogStderr::kYes);
}

int run(const Options& options) {
    const TableTool& tool = options.tool;
    if (options.list) {
        tool.list();
        return 0;
    }
    if (options.query) {
        return options.query == "-" ? tool.query_input() : tool.query(*options.query);
    }
    if (options.erase) {
        return options.erase == "-" ? tool.erase_input() : tool.erase(*options.erase);
    }
    build_all(tool);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    open_early_log("postalias", LogStderr::kYes);
    char name[] = "postalias";  // getopt(3) begins its messages with it
    argv[0] = name;
    Options options = parse(argc, argv);
    load_configuration();
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
