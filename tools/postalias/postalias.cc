// postalias(1): makes alias databases out of files in the form of aliases(5), and queries, changes
// and lists them.  Runs with the rights of whoever calls it; root takes on the owner of each source
// file.  What postmap does as well is in lib/maps/build/table_command.h and table_tool.h.

#include <ctime>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/casefold.h"
#include "lib/maps/build/table_command.h"

#include "tools/postalias/alias_entry.h"

using namespace relais;

namespace {

[[noreturn]] void usage() {
    log_fatal(
        "usage: postalias [-Nfinoprsuvw] [-c config_dir] [-d key] [-q key] [map_type:]file...");
}

TableCommand parse(int argc, char** argv) {
    TableCommand out;
    out.tool.form = TableTool::Form::kAlias;
    for (int option; (option = ::getopt(argc, argv, "+Nc:d:fijnopq:rsuvw")) != -1;) {
        if (!out.take(option)) {
            usage();
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

int run(const TableCommand& command) {
    if (auto status = command.run_request()) {
        return *status;
    }
    build_all(command.tool);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    begin_table_command("postalias", argv);
    TableCommand command = parse(argc, argv);
    configure_table_command("postalias");
    if (::optind >= argc) {
        usage();
    }
    command.take_tables(argc, argv);
    int status = run(command);
    end_table_command();
    return status;
}
