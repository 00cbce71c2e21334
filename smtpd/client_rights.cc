// What this client may do that others may not, and how its lines are read: the lists of main.cf
// that name clients.
#include <utility>

#include "lib/config/config.h"

#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {

Task<void> Session::find_rights() {
    auto found = co_await site.clients.xclient.match(client.name, client.address);
    xclient_allowed = found == Match::kYes;
    found = co_await site.clients.xforward.match(client.name, client.address);
    xforward_allowed = found == Match::kYes;
    found = co_await site.clients.verp.match(client.name, client.address);
    verp_allowed = found == Match::kYes;
}

smtp::Extensions Session::extensions() const {
    smtp::Extensions offered;
    offered.dsn = (discarded & kEhloDsn) == 0;
    offered.smtputf8 = conf().smtputf8_enable() && (discarded & kEhloSmtputf8) == 0;
    // Only where this hop is protected already.  RFC 8689 2
    offered.requiretls =
        conf().requiretls_enable() && tls != nullptr && (discarded & kEhloRequireTls) == 0;
    if (verp_allowed) {
        offered.verp = conf().verp_delimiter_filter();
    }
    return offered;
}

Task<smtp::BareNewline> Session::newline_mode() {
    auto mode = site.bare_newline;
    if (mode != smtp::BareNewline::kAccept) {
        const auto excluded =
            co_await site.clients.bare_newlines.match(client.name, client.address);
        mode = excluded == Match::kYes ? smtp::BareNewline::kAccept : mode;
    }
    co_return mode;
}

bool Session::refuses_bare_newline(smtp::BareNewline mode) {
    if (mode == smtp::BareNewline::kNote && !std::exchange(bare_newline_noted_, true)) {
        log_event("info", "bare <LF> received");
    }
    return mode == smtp::BareNewline::kReject;
}

}  // namespace relais::smtpd
