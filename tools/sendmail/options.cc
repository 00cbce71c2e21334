#include "tools/sendmail/options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/command.h"
#include "lib/config/config.h"
#include "lib/mail/dsn.h"
#include "lib/queue/sendopts.h"

namespace relais {

namespace {

// Options end at the first address, as in all commands: a recipient may well begin with "-".
constexpr const char* kOptions = "+A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q:tvx";
constexpr std::size_t kMaxEnvelopeId = 100;

using Mode = SendmailOptions::Mode;
using Verify = SendmailOptions::Verify;

// getopt takes one more argument than these options have.
bool is_bare_queue_option(const char* argument) {
    return std::strcmp(argument, "-q") == 0;
}

// Before Postfix 2.3, -V and -V+= asked for VERP, as -XV and -XV+= do now that -V takes an envelope
// ID. Old list managers still do: the two characters decide, here or in the next argument.  That
// one stays what it is, a recipient or an option, as in Postfix.
bool is_old_verp_option(const char* const* argument) {
    const std::string_view option = argument[0];
    const char* next = argument[1];
    return option == "-V" ? next != nullptr && std::strlen(next) == 2
                          : option.starts_with("-V") && option.size() == 4;
}

void take_mode(SendmailOptions& out, std::string_view value) {
    char letter = value.empty() ? '\0' : value.front();
    switch (letter) {
        case 'd':
        case 'l':
            out.mode = Mode::kDaemon;
            return;
        case 'h':
        case 'H':
            out.mode = Mode::kIgnore;
            return;
        case 'i':
            out.mode = Mode::kAliases;
            return;
        case 'm':
            out.mode = Mode::kSubmit;
            return;
        case 'p':
            out.mode = Mode::kList;
            return;
        case 's':
            out.mode = Mode::kStandalone;
            return;
        case 'v':
            out.verify = Verify::kOnly;
            return;
        default:
            log_fatal("unsupported: -b{}", value);
    }
}

void take_set_option(SendmailOptions& out, std::string_view value) {
    switch (value.empty() ? '\0' : value.front()) {
        case 'A':
            if (value.size() == 1) {
                log_fatal("-oA requires pathname");
            }
            out.alias_database = value.substr(1);
            return;
        case 'i':
            out.lone_dot_ends = false;
            return;
        default:
            return;
    }
}

void take_queue_option(SendmailOptions& out, std::string_view value) {
    char letter = value.empty() ? '\0' : value.front();
    if (is_digit(letter)) {
        if (out.mode != Mode::kDaemon) {
            out.mode = Mode::kIgnore;
        }
    } else if (letter == 'R') {
        if (value.size() == 1) {
            log_fatal("specify: -qRsitename");
        }
        out.flush_site = value.substr(1);
        out.mode = Mode::kFlush;
    } else if (letter == 'I') {
        if (value.size() == 1) {
            log_fatal("specify: -qIqueueid");
        }
        out.flush_id = value.substr(1);
        out.mode = Mode::kFlush;
    } else {
        log_fatal("-q{} is not implemented", letter);
    }
}

void take_verp(SendmailOptions& out, std::string_view value) {
    if (!value.starts_with('V')) {
        log_fatal("unsupported: -X{}", value.substr(0, 1));
    }
    value.remove_prefix(1);
    const std::string& wanted = conf().verp_delimiter_filter();
    bool good = value.size() == 2 && wanted.contains(value[0]) && wanted.contains(value[1]);
    if (!value.empty() && !good) {
        log_fatal("-V requires two characters from {}", wanted);
    }
    out.verp = true;
    out.verp_delimiters = value;
}

void take_old_verp(SendmailOptions& out, std::string_view option) {
    option.remove_prefix(1);
    log_warning("option -{} is deprecated with Postfix 2.3; specify -X{} instead", option, option);
    take_verp(out, option);
}

void take_notify(SendmailOptions& out, std::string_view value) {
    if (auto flags = parse_notify(value)) {
        out.notify = *flags;
    } else {
        for (auto word : split_fields(value, ',')) {
            if (!parse_notify(word)) {
                log_warning("unknown DSN NOTIFY command value \"{}\" in \"{}\"", word, value);
                break;
            }
        }
        log_warning("bad -N option value -- ignored");
    }
}

void take_ret(SendmailOptions& out, std::string_view value) {
    if (auto ret = parse_ret(value)) {
        out.ret = static_cast<int>(*ret);
    } else {
        log_warning("bad -R option value -- ignored");
    }
}

void take_envelope_id(SendmailOptions& out, std::string_view value) {
    if (value.empty() || value.size() > kMaxEnvelopeId || !std::ranges::all_of(value, is_print)) {
        log_warning("bad syntax in -V option value -- ignored");
        return;
    }
    out.envelope_id = value;
}

void take_body_type(SendmailOptions& out, std::string_view value) {
    if (iequals(value, "8BITMIME")) {
        out.encoding = "8bit";
    } else if (iequals(value, "7BIT")) {
        out.encoding = "7bit";
    } else {
        log_fatal("-B option needs 8BITMIME or 7BIT");
    }
}

// "requiretls=yes", "smtputf8=no"; Sendmail's options say nothing to us.
void take_send_option(SendmailOptions& out, std::string_view text) {
    const auto pair = split_first(text, '=');
    if (!pair) {
        return;
    }
    const int bit = iequals(pair->first, "requiretls") ? kRequireTls
                    : iequals(pair->first, "smtputf8") ? kUtf8Requested
                                                       : 0;
    if (bit == 0) {
        return;
    }
    if (iequals(pair->second, "yes")) {
        out.sendopts |= bit;
    } else if (iequals(pair->second, "no")) {
        out.sendopts &= ~bit;
    } else {
        log_fatal("-O {}: bad value; specify yes or no", text);
    }
}

void take_option(SendmailOptions& out, int option, const char* value) {
    switch (option) {
        case 'B':
            take_body_type(out, value);
            return;
        case 'F':
            out.full_name = value;
            return;
        case 'G':
            out.remote_context = true;
            return;
        case 'I':
            out.mode = Mode::kAliases;
            return;
        case 'N':
            take_notify(out, value);
            return;
        case 'O':
            take_send_option(out, value);
            return;
        case 'R':
            take_ret(out, value);
            return;
        case 'V':
            take_envelope_id(out, value);
            return;
        case 'X':
            take_verp(out, value);
            return;
        case 'b':
            take_mode(out, value);
            return;
        case 'f':
        case 'r':
            out.have_sender = true;
            out.sender = value;
            return;
        case 'i':
            out.lone_dot_ends = false;
            return;
        case 'n':
            log_fatal("-n option not supported");
        case 'o':
            take_set_option(out, value);
            return;
        case 'q':
            take_queue_option(out, value);
            return;
        case 't':
            out.recipients_from_header = true;
            return;
        case '?':
            log_fatal("usage: {} [options]", log_options().stderr_name);
        // A C L O U c e h m p x: of no meaning here, or read early.
        default:
            return;
    }
}

}  // namespace

void parse_early_options(int argc, char** argv) {
    while (::optind < argc) {
        if (is_bare_queue_option(argv[::optind]) || is_old_verp_option(argv + ::optind)) {
            ++::optind;
            continue;
        }
        int option = ::getopt(argc, argv, kOptions);
        if (option < 0) {
            break;
        }
        if (option == 'C') {
            std::string place = ::optarg;
            // A path of main.cf stands for its directory.
            if (place.ends_with(".cf") && place.contains('/')) {
                place.resize(std::max<std::size_t>(place.rfind('/'), 1));
            }
            use_config_directory(place);
        }
    }
    ::optind = 1;
}

SendmailOptions parse_options(int argc, char** argv) {
    SendmailOptions out;
    std::string name = argv[0] != nullptr ? argv[0] : "";
    if (name == "mailq") {
        out.mode = Mode::kList;
    } else if (name == "newaliases") {
        out.mode = Mode::kAliases;
    } else if (name == "smtpd") {
        out.mode = Mode::kStandalone;
    }
    int verbose = 0;
    while (::optind < argc) {
        if (is_bare_queue_option(argv[::optind])) {
            out.mode = out.mode == Mode::kDaemon ? Mode::kDaemon : Mode::kFlush;
            ++::optind;
            continue;
        }
        if (is_old_verp_option(argv + ::optind)) {
            take_old_verp(out, argv[::optind++]);
            continue;
        }
        int option = ::getopt(argc, argv, kOptions);
        if (option < 0) {
            break;
        }
        if (option == 'v') {
            // The first asks for a report on the delivery, the others for talk.
            out.verify = out.verify == Verify::kNo ? Verify::kReport : out.verify;
            set_log_verbose(verbose++);
        } else {
            take_option(out, option, ::optarg);
        }
    }
    out.arguments.assign(argv + ::optind, argv + argc);
    return out;
}

}  // namespace relais
