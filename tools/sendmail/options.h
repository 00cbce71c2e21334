// The command line of sendmail, with the options of forty years.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace relais {

struct SendmailOptions {
    enum class Mode { kSubmit, kList, kFlush, kAliases, kDaemon, kStandalone, kIgnore };
    enum class Verify { kNo, kReport, kOnly };  // -v, -bv

    Mode mode = Mode::kSubmit;
    Verify verify = Verify::kNo;
    bool recipients_from_header = false;   // -t
    bool lone_dot_ends = true;             // without -i
    bool remote_context = false;           // -G
    std::optional<std::string> full_name;  // -F
    bool have_sender = false;
    std::string sender;           // -f
    std::string encoding;         // "7bit", "8bit" or empty
    int notify = 0;               // -N
    int ret = 0;                  // -R
    int sendopts = 0;             // -O: SendOption bits
    std::string envelope_id;      // -V
    bool verp = false;            // -XV
    std::string verp_delimiters;  // empty: the default
    std::string flush_id;         // -qI
    std::string flush_site;       // -qR
    std::string alias_database;   // -oA
    std::vector<std::string> arguments;
};

// The options that count before the configuration is read: -C, -v.
void parse_early_options(int argc, char** argv);

// The rest.  Ends the process with a message on what it does not understand.
[[nodiscard]] SendmailOptions parse_options(int argc, char** argv);

}  // namespace relais
