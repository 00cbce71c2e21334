#include "lib/maps/build/table_command.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"

namespace relais {

namespace {

void set_duplicates(TableTool& tool, TableFlags how) {
    tool.flags &=
        ~(table_flag::kWarnDuplicate | table_flag::kIgnoreDuplicate | table_flag::kReplace);
    tool.flags |= how;
}

void set_nul(TableTool& tool, TableFlags how) {
    tool.flags &= ~(table_flag::kTryWithNul | table_flag::kTryWithoutNul);
    tool.flags |= how;
}

void one_of(const TableCommand& command) {
    if (command.list || command.query || command.erase) {
        log_fatal("specify only one of -s -q or -d");
    }
}

}  // namespace

bool TableCommand::take(int option) {
    return take_request(option) || take_manner(option);
}

bool TableCommand::take_request(int option) {
    switch (option) {
        case 'd':
            one_of(*this);
            erase = ::optarg;
            return true;
        case 'q':
            one_of(*this);
            query = ::optarg;
            return true;
        case 's':
            if (query || erase) {
                log_fatal("specify only one of -s or -q or -d");
            }
            list = true;
            return true;
        case 'i':
            tool.incremental = true;
            return true;
        default:
            return false;
    }
}

// The options that say how.
bool TableCommand::take_manner(int option) {
    switch (option) {
        case 'c':
            ::setenv("MAIL_CONFIG", ::optarg, 1);
            return true;
        case 'f':
            tool.flags &= ~table_flag::kFoldFixed;
            return true;
        case 'j':
            tool.form = TableTool::Form::kJson;
            return true;
        case 'n':
            set_nul(tool, table_flag::kTryWithoutNul);
            return true;
        case 'N':
            set_nul(tool, table_flag::kTryWithNul);
            return true;
        case 'o':
            tool.runs_as_owner = false;
            return true;
        case 'p':
            tool.keeps_permissions = false;
            return true;
        case 'r':
            set_duplicates(tool, table_flag::kReplace);
            return true;
        case 'w':
            set_duplicates(tool, table_flag::kIgnoreDuplicate);
            return true;
        case 'u':
            utf8 = false;
            return true;
        case 'v':
            set_log_verbose(++verbose);
            return true;
        default:
            return false;
    }
}

void TableCommand::take_tables(int argc, char** argv) {
    if (utf8) {
        tool.flags |= table_flag::kUtf8Request;
    }
    for (int i = ::optind; i < argc; ++i) {
        tool.tables.push_back(with_table_type(argv[i]));
    }
}

std::optional<int> TableCommand::run_request() const {
    if (list) {
        tool.list();
        return 0;
    }
    if (query) {
        return *query == "-" ? tool.query_input() : tool.query(*query);
    }
    if (erase) {
        return *erase == "-" ? tool.erase_input() : tool.erase(*erase);
    }
    return std::nullopt;
}

void begin_table_command(const char* name, char** argv) {
    static std::array<char, 32> shown{};
    std::strncpy(shown.data(), name, shown.size() - 1);
    argv[0] = shown.data();
    open_early_log(name, LogStderr::kYes);
}

void configure_table_command(const char* name) {
    ConfigOptions wanted;
    wanted.process_name = name;
    load_usable_conf(wanted);
    open_log(name, LogStderr::kYes);
}

void end_table_command() {
    std::fflush(stdout);
    log_flush(1000);
}

}  // namespace relais
