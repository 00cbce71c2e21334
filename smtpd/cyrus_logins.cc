#include "smtpd/cyrus_logins.h"

#include <algorithm>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/cyrus_server.h"

namespace relais::smtpd {
namespace {

// A worker that is given up ends by itself soon after.
constexpr std::chrono::seconds kGrace{5};

std::size_t longest_line() {
    return std::max<std::size_t>(
        kMaxAuthLine, static_cast<std::size_t>(conf().smtpd_sasl_response_limit()) + 1000);
}

// The directory of Debian's package comes after what main.cf says; where none of them has the
// file, the library's own places do.
std::string config_path() {
    std::string path = conf().cyrus_sasl_config_path();
    path += path.empty() ? "" : ":";
    path += conf().config_directory() + "/sasl:/usr/lib/sasl";
    const std::string file = "/" + conf().smtpd_sasl_path() + ".conf";
    for (const std::string_view folder : split_fields(path, ':')) {
        if (::access((std::string(folder) + file).c_str(), F_OK) == 0) {
            return path;
        }
    }
    return conf().cyrus_sasl_config_path();
}

CyrusSettings settings() {
    CyrusSettings out;
    out.config_path = config_path();
    out.application = conf().smtpd_sasl_path();
    out.service = conf().smtpd_sasl_service();
    out.host = conf().myhostname();
    out.realm = conf().smtpd_sasl_local_domain();
    return out;
}

// Loads the library and says what it has; nothing where that fails, which is then in the log.
std::string load() {
    const CyrusSettings setup = settings();
    auto opened = cyrus_open(setup);
    if (!opened) {
        log_warning("{}", opened.error().message);
        return "";
    }
    std::string text;
    auto mechanisms = cyrus_mechanisms(setup);
    if (!mechanisms) {
        log_warning("xsasl_cyrus_server_get_mechanism_list: {}", mechanisms.error().message);
        return "\n";
    }
    for (const AuthMechanism& each : *mechanisms) {
        text += each.line();
    }
    return text.empty() ? "\n" : text;
}

void work(int socket) {
    cyrus_serve(socket, settings(), longest_line(),
                std::chrono::ceil<std::chrono::seconds>(CyrusWorkers::Limits().answer) + kGrace);
}

std::vector<AuthMechanism> announced(const std::string& text) {
    if (text.empty()) {
        log_fatal("SASL per-process initialization failed");
    }
    std::vector<AuthMechanism> mechanisms;
    for (const std::string_view line : split_fields(text, '\n')) {
        if (!line.empty()) {
            mechanisms.push_back(AuthMechanism::parse(parse_auth_line(line)));
        }
    }
    return mechanisms;
}

CyrusWorkers::Limits limits() {
    CyrusWorkers::Limits limits;
    limits.longest_line = longest_line();
    return limits;
}

}  // namespace

CyrusLogins::CyrusLogins()
    : helper_(load, work),
      mechanisms_(announced(helper_.announcement())),
      workers_([this] { return helper_.start_worker(); }, limits()) {
}

}  // namespace relais::smtpd
