// A login server over libsasl2 (smtpd_sasl_type = cyrus), for a process of its own, because the
// library blocks: it asks saslauthd, databases and Kerberos when it likes.  It speaks the Dovecot
// auth protocol (auth_lines.h), so that its clients need no other: AUTH, CONT, CANCEL; OK, FAIL.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/sasl/auth_mechanism.h"

namespace relais {

struct CyrusSettings {
    std::string config_path;  // directories, with ":" between them; empty: the library's own
    std::string application;  // the name of the configuration file, without ".conf"
    std::string service;      // empty: what each request names
    std::string host;
    std::string realm;  // empty: the host
};

// Loads the library's plug-ins and configuration; once in a process.  What goes wrong later is in
// the log.
[[nodiscard]] Result<void> cyrus_open(const CyrusSettings& settings);

// What the library would offer, in its order, with the properties that it sees in each.
[[nodiscard]] Result<std::vector<AuthMechanism>> cyrus_mechanisms(const CyrusSettings& settings);

// Serves one client on a blocking stream socket, one login at a time, until it hangs up, sends more
// than `longest_line`, or has not begun a login for a minute.  A step that takes longer than
// `step_time` kills the process.
void cyrus_serve(int fd, const CyrusSettings& settings, std::size_t longest_line,
                 std::chrono::seconds step_time);

}  // namespace relais
