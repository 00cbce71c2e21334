// A command of doveadm: its name, how it is called, and the options in front of its arguments.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/doveadm/printer.h"
#include "tools/doveadm/settings.h"

namespace relais::doveadm {

using Words = std::vector<std::string>;

// The options in front of the command.
struct Globals {
    std::string form;   // -f; empty: the command's own
    Settings settings;  // -o, and a file of Dovecot's (-c)
    bool debug = false;
    bool verbose = false;

    // The printer for a command whose own form is `usual`.
    [[nodiscard]] std::unique_ptr<Printer> printer(std::string_view usual) const;
};

struct Command {
    std::string_view name;     // "mailbox list"
    std::string_view usage;    // what follows it
    std::string_view options;  // as getopt(3) has them
    int (*run)(const Command& command, Words words, const Globals& globals);
};

// Prints how the command is called; ends the process.
[[noreturn]] void command_usage(const Command& command);

// The options of a command, wherever they stand among its words.  Ends the process where one is
// not known.
class OptionWords {
  public:
    OptionWords(const Command& command, Words words);

    bool has(char option) const { return values_.contains(option); }

    // Of the last of several; empty where there is none.
    std::string get(char option) const;

    // Of all of them.
    const Words& all(char option) const;

    // What is no option, in its order.
    const Words& rest() const { return rest_; }

    // The options as they were given, but for these letters.
    Words without(std::string_view letters) const;

    // "Extraneous arguments found"
    void expect_at_most(std::size_t words) const;

  private:
    std::string known_;  // as getopt(3) has them
    std::map<char, Words> values_;
    Words rest_;
};

}  // namespace relais::doveadm
