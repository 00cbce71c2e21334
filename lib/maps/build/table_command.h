// The part of their command lines that postmap(1) and postalias(1) share.
#pragma once

#include <optional>
#include <string>

#include "lib/maps/build/table_tool.h"

namespace relais {

struct TableCommand {
    TableTool tool;
    std::optional<std::string> query;  // -q
    std::optional<std::string> erase;  // -d
    bool list = false;                 // -s
    bool utf8 = true;                  // unless -u
    int verbose = 0;                   // -v, counted

    // Takes what getopt(3) has just returned; false where it is no option of both commands.
    [[nodiscard]] bool take(int option);

    // After the options and once there is a configuration: the arguments name the tables.
    void take_tables(int argc, char** argv);

    // -s, -q and -d: the exit status; nothing where tables are to be made.
    [[nodiscard]] std::optional<int> run_request() const;

  private:
    bool take_request(int option);
    bool take_manner(int option);
};

// The first thing of such a command: its log, and the name that getopt(3) begins its messages with.
void begin_table_command(const char* name, char** argv);
// After the options: its configuration, and the log as that says.
void configure_table_command(const char* name);
// The last thing: all that was said is written.
void end_table_command();

}  // namespace relais
