// postfix-add-filter(8): Debian's helper for content filters as amavis is one: adds to master.cf
// the client that feeds the filter and the server that takes the mail back.
#include <cstdio>
#include <string>
#include <string_view>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/added_service.h"
#include "lib/config/command.h"
#include "lib/config/config.h"

using namespace relais;

namespace {

constexpr CommandKind kCommand{"postfix-add-filter", 1, CommandLog::kStderr};

constexpr std::string_view kClient =
    " unix    -       -       -       -       2     smtp\n"
    "     -o smtp_data_done_timeout=1200\n"
    "     -o smtp_send_xforward_command=yes\n"
    "     -o smtp_tls_note_starttls_offer=no\n\n";

// Believes this machine alone, and does not filter again.
constexpr std::string_view kServer =
    " inet n    -       -       -       -     smtpd\n"
    "     -o content_filter=\n"
    "     -o smtpd_delay_reject=no\n"
    "     -o smtpd_client_restrictions=permit_mynetworks,reject\n"
    "     -o smtpd_helo_restrictions=\n"
    "     -o smtpd_sender_restrictions=\n"
    "     -o smtpd_recipient_restrictions=permit_mynetworks,reject\n"
    "     -o smtpd_data_restrictions=reject_unauth_pipelining\n"
    "     -o smtpd_end_of_data_restrictions=\n"
    "     -o smtpd_restriction_classes=\n"
    "     -o mynetworks=127.0.0.0/8\n"
    "     -o smtpd_error_sleep_time=0\n"
    "     -o smtpd_soft_error_limit=1001\n"
    "     -o smtpd_hard_error_limit=1000\n"
    "     -o smtpd_client_connection_count_limit=0\n"
    "     -o smtpd_client_connection_rate_limit=0\n"
    "     -o receive_override_options="
    "no_header_body_checks,no_unknown_recipient_checks,no_milters\n"
    "     -o local_header_rewrite_clients=\n"
    "     -o smtpd_milters=\n"
    "     -o local_recipient_maps=\n"
    "     -o relay_recipient_maps=\n";

std::string entries(std::string_view client, std::string_view port) {
    return format("{}{}{}127.0.0.1:{}{}", added_service_heading(kCommand.name), client, kClient,
                  port, kServer);
}

void show_usage() {
    std::printf(
        "usage: postfix-add-filter client_service smtpd_port\n\n"
        "\"postfix-add-filter amavisfeed 10025\" adds to master.cf:\n%s",
        entries("amavisfeed", "10025").c_str());
}

}  // namespace

int main(int argc, char** argv) {
    begin_command(kCommand, argv);
    if (argc != 3) {
        show_usage();
        return 0;
    }
    std::string client = argv[1];
    std::string port = argv[2];
    if (!is_master_cf_word(client) || !is_master_cf_word(port)) {
        log_fatal("a service name is one word");
    }
    configure_command(kCommand);
    const std::string& directory = conf().config_directory();
    auto taken = service_is_taken(directory, {client, port});
    if (!taken) {
        log_fatal("{}", taken.error().message);
    }
    if (*taken) {
        std::printf("master.cf has a service %s or %s already, and was not changed.\n",
                    client.c_str(), port.c_str());
        return 0;
    }
    auto added = append_to_master_cf(directory, entries(client, port));
    if (!added) {
        log_fatal("{}", added.error().message);
    }
    return 0;
}
