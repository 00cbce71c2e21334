// pop3: POP3 sessions after login.  How connections come to it, and which process serves them, says
// lib/access/session_daemon.h.
#include "lib/access/session_daemon.h"
#include "lib/config/config.h"

#include "imapd/pop3/session.h"
#include "imapd/pop3/settings.h"

namespace relais {
namespace {

Task<void> serve(User* user, Stream* stream, SessionStart start) {
    Pop3Session session(*user, *stream);
    co_await session.run(std::move(start));
}

std::string sorry(const SessionStart& /*start*/) {
    return "-ERR [SYS/TEMP] Mail is not accessible.\r\n";
}

SessionService pop3_service() {
    static_cast<void>(pop3_settings());  // while somebody sees what is wrong with them
    return {"pop3",
            conf().imap_auth_service_name(),
            conf().pop3_user_session_limit(),
            conf().pop3_process_idle_time(),
            &serve,
            &sorry};
}

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    return relais::run_session_daemon(argc, argv, "pop3", &relais::pop3_service);
}
