// postfix-collate(1): sorts a mail log by message.  Reads what anybody can make the mail system
// log, and keeps in memory what it says of the messages that are under way.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "lib/base/log.h"
#include "lib/config/command.h"

#include "tools/postfix-collate/collator.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postfix-collate", 1, CommandLog::kStderr};

void print(const std::string& lines) {
    std::fwrite(lines.data(), 1, lines.size(), stdout);
    std::fputc('\n', stdout);
}

void read(std::istream& input, Collator& collator) {
    for (std::string line; std::getline(input, line);) {
        line += '\n';
        collator.add(line);
    }
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv);
    std::ios::sync_with_stdio(false);
    Collator collator(print);
    int status = 0;
    for (int i = 1; i < argc; ++i) {
        std::ifstream file(argv[i]);
        if (!file) {
            log_warning("open {}: {}", argv[i], std::strerror(errno));
            status = 1;
            continue;
        }
        read(file, collator);
    }
    if (argc == 1) {
        read(std::cin, collator);
    }
    collator.end();
    if (std::fflush(stdout) != 0) {
        log_fatal("output error: {}", std::strerror(errno));
    }
    return status;
}
