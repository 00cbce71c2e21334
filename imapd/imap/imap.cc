// imap: IMAP sessions after login.  How connections come to it, and which process serves them, says
// lib/access/session_daemon.h.
#include "lib/access/session_daemon.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

#include "imapd/imap/session.h"

namespace relais {
namespace {

Task<void> serve(User* user, Stream* stream, SessionStart start) {
    Session session(*user, *stream);
    co_await session.run(std::move(start));
}

std::string sorry(const SessionStart& start) {
    return format(
        "{} NO [UNAVAILABLE] Mail is not accessible.\r\n"
        "* BYE Mail is not accessible.\r\n",
        start.tag);
}

SessionService imap_service() {
    std::string_view separator = conf().imap_hierarchy_separator();
    if (separator != "." && separator != "/") {
        log_fatal("imap_hierarchy_separator: must be . or /, not \"{}\"", separator);
    }
    return {"imap",
            conf().imap_auth_service_name(),
            conf().imap_user_session_limit(),
            conf().imap_process_idle_time(),
            &serve,
            &sorry};
}

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    return relais::run_session_daemon(argc, argv, "imap", &relais::imap_service);
}
