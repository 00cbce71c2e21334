// Fuzz target: an SMTP session of smtpd from its greeting to its end, with XCLIENT, XFORWARD, AUTH,
// BDAT and access tables.  What it hands to cleanup must be records of a message
// (support/services.h).
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "smtpd/session.h"
#include "smtpd/site.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

constexpr auto kCommands = std::to_array<std::string_view>({
    "EHLO client.test\r\n",
    "HELO x\r\n",
    "MAIL FROM:<ann@example.org> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n",
    "MAIL FROM:<> XVERP=+= AUTH=<> MT-PRIORITY=3 REQUIRETLS\r\n",
    "RCPT TO:<bob@mail.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Btag@mail.test\r\n",
    "RCPT TO:<\"a b\"@[127.0.0.1]>\r\n",
    "RCPT TO:<@relay.test:x%y@mail.test>\r\n",
    "DATA\r\n",
    "Subject: x\r\n",
    "\r\n",
    "..dot\r\n",
    ".\r\n",
    "BDAT 5\r\n",
    "hello\r\n",
    "BDAT 0 LAST\r\n",
    "RSET\r\n",
    "NOOP x\r\n",
    "VRFY bob\r\n",
    "EXPN list\r\n",
    "ETRN mail.test\r\n",
    "HELP\r\n",
    "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n",
    "AUTH LOGIN\r\n",
    "Ym9i\r\n",
    "AUTH SCRAM-SHA-256 biwsbj1ib2Iscj1hYmM=\r\n",
    "*\r\n",
    "STARTTLS\r\n",
    "XCLIENT NAME=h.test ADDR=192.0.2.1 PORT=25 PROTO=ESMTP HELO=h LOGIN=bob DESTADDR=192.0.2.9 "
    "REVERSE_NAME=h.test\r\n",
    "XCLIENT ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE]\r\n",
    "XFORWARD NAME=f.test ADDR=192.0.2.2 PORT=1 PROTO=SMTP HELO=f IDENT=4X SOURCE=REMOTE\r\n",
    "QUIT\r\n",
});

constexpr std::string_view kConfiguration =
    "myhostname = mail.test\n"
    "mydestination = mail.test\n"
    "mynetworks = 127.0.0.0/8\n"
    "inet_interfaces = loopback-only\n"
    "smtputf8_enable = yes\n"
    "smtpd_peername_lookup = no\n"
    "smtpd_forbid_unauth_pipelining = no\n"
    "smtpd_error_sleep_time = 0\n"
    "smtpd_hard_error_limit = 100\n"
    "smtpd_junk_command_limit = 100\n"
    "smtpd_client_connection_count_limit = 0\n"
    "auth_client_failure_limit = 0\n"
    "smtpd_authorized_xclient_hosts = 127.0.0.1\n"
    "smtpd_authorized_xforward_hosts = 127.0.0.1 192.0.2.0/24\n"
    "smtpd_authorized_verp_clients = 127.0.0.1\n"
    "smtpd_sasl_auth_enable = yes\n"
    "smtpd_helo_restrictions = reject_invalid_helo_hostname\n"
    "smtpd_sender_restrictions = reject_non_fqdn_sender,"
    " check_sender_access inline:{{evil.test=REJECT no},{quiet.test=PREPEND X-A: b},{ann@=HOLD}}\n"
    "smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, "
    "reject_unauth_destination\n"
    "smtpd_data_restrictions = reject_multi_recipient_bounce\n"
    "smtpd_etrn_restrictions = permit_mynetworks\n"
    "fast_flush_domains = mail.test\n"
    "local_recipient_maps = inline:{bob=x}\n";

// What all sessions share.  No name is looked up anywhere but here.
smtpd::Site& site() {
    static smtpd::Site* const shared = [] {
        auto* made = new smtpd::Site;
        made->auth = std::make_unique<AuthClient>("private/auth");
        ResolverOptions nobody;
        nobody.servers = "127.0.0.1:9";
        nobody.timeout = std::chrono::milliseconds(10);
        nobody.tries = 1;
        made->dns = std::make_unique<Resolver>(nobody);
        return made;
    }();
    return *shared;
}

Task<void> serve(UniqueFd fd) {
    Connection connection;
    connection.fd = std::move(fd);
    smtpd::Session session(site(), std::move(connection));
    co_await session.run();
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure(kConfiguration);
    fuzz::offer("public/cleanup", &fuzz::serve_cleanup);
    fuzz::offer("public/flush", &fuzz::serve_flush);
    fuzz::offer("private/rewrite", &fuzz::serve_rewrite);
    fuzz::offer("private/auth", &fuzz::serve_auth);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kCommands, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse({reinterpret_cast<const char*>(data), size}, &serve);
    return 0;
}
