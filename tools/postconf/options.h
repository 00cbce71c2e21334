// postconf's command line: what to look at (main.cf, services, fields, parameters of services, or
// a list of what is built in), what to do with it (show or edit), and how to print it.
#pragma once

#include <string>
#include <vector>

namespace relais::postconf {

enum class Subject {
    kMain,               // -p: main.cf parameters
    kServices,           // -M
    kFields,             // -F
    kServiceSettings,    // -P
    kSaslServer,         // -a
    kSaslClient,         // -A
    kLocks,              // -l
    kMaps,               // -m
    kTemplates,          // -t
    kExpandedTemplates,  // -b
    kTlsFacts,           // -T
};

enum class Action { kShow, kEdit, kRemove, kComment };

// -C: the kinds of parameters to show.
struct Classes {
    bool builtin = true;
    bool service = true;
    bool user = true;
};

struct Options {
    Subject subject = Subject::kMain;
    Action action = Action::kShow;
    bool defaults = false;    // -d
    bool set_only = false;    // -n
    bool expand = false;      // -x
    bool fold = false;        // -f
    bool hide_name = false;   // -h
    bool hide_value = false;  // -H
    bool json = false;        // -j
    bool quiet = false;       // -q
    Classes classes;
    std::string tls_mode;                // -T
    std::string directory;               // -c
    std::vector<std::string> settings;   // -o
    std::vector<std::string> arguments;  // the names
};

// Ends the program with Postfix's words when the options contradict each other.
[[nodiscard]] Options parse_options(int argc, char** argv);

// Ends the program where an argument of -e, -X or -# is none, before it is split.
void check_edit_argument(const Options& options, const std::string& argument);

}  // namespace relais::postconf
