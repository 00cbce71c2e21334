// postconf -a -A -l -m -T: what this build has.
#include "lib/base/log.h"

#include "tools/postconf/print.h"
#include "tools/postconf/show.h"

namespace relais::postconf {

void show_built_in(const Options& options) {
    switch (options.subject) {
        case Subject::kSaslServer:
            print_line("cyrus");
            print_line("dovecot");
            break;
        case Subject::kSaslClient:
            print_line("cyrus");
            break;
        case Subject::kLocks:
            print_line("flock");
            print_line("fcntl");
            print_line("dotlock");
            break;
        default:
            log_fatal("this option is not supported");
    }
}

}  // namespace relais::postconf
