// doveadm help: the manual, of which all commands have one here.
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "tools/doveadm/commands.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

int cmd_help(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    options.expect_at_most(1);
    ::execlp("man", "man", "doveadm", nullptr);
    end_with(kTemporary, format("execvp(man) failed: {}", std::strerror(errno)));
}

}  // namespace relais::doveadm
