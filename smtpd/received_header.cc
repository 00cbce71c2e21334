// The Received: header that smtpd puts on top of each message.  RFC 5321 4.4
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/mail/date.h"

#include "smtpd/mail_stream.h"
#include "smtpd/session.h"
#include "smtpd/site.h"

namespace relais::smtpd {
namespace {

// A name inside a comment must not end it.
std::string in_comment(std::string_view text) {
    std::string out = printable(text);
    for (char& c : out) {
        c = std::string_view("()\\").find(c) != std::string_view::npos ? '?' : c;
    }
    return out;
}

void add_client_lines(const Session& session, std::vector<std::string>& lines) {
    const auto& client = session.client;
    const auto& hello = session.helo.empty() ? client.name : session.helo;
    lines.push_back(format("Received: from {} ({} [{}])", hello, client.name, client.literal()));
    if (session.tls && conf().smtpd_tls_received_header()) {
        const auto asked = conf().smtpd_tls_ask_ccert() || session.site.client_certificate_required
                               ? ClientCertificateAsked::kYes
                               : ClientCertificateAsked::kNo;
        const auto text = tls_received_lines(*session.tls, asked);
        for (const auto line : split_fields(trim_right(text, "\n"), '\n')) {
            lines.emplace_back(line);
        }
    }
    if (session.login.authenticated() && conf().smtpd_sasl_authenticated_header()) {
        lines.push_back(format("\t(Authenticated sender: {})", in_comment(session.login.user)));
    }
}

}  // namespace

std::vector<std::string> received_header(const Session& session) {
    std::vector<std::string> lines;
    std::string_view by = "\tby";
    if (conf().smtpd_hide_client_session()) {
        by = "Received: by";
    } else {
        add_client_lines(session, lines);
    }
    const auto date = format_mail_date(std::time(nullptr));
    auto line = format("{} {} ({}) with {}", by, session.site.hostname, conf().mail_name(),
                       session.with_protocol());
    if (!session.mail.queue_id.empty()) {
        line += format(" id {}", session.mail.queue_id);
    }
    if (session.mail.recipients == 1) {
        lines.push_back(std::move(line));
        lines.push_back(
            format("\tfor <{}>; {}", printable(quote_address(session.mail.first_recipient)), date));
    } else {
        lines.push_back(line + ";");
        lines.push_back("\t" + date);
    }
    return lines;
}

}  // namespace relais::smtpd
