// Opens the log as the configuration says: the tag from syslog_name, postlogd where maillog_file is
// set, syslog otherwise.
#pragma once

#include <string_view>

namespace relais {

// Whether lines go to standard error too: under the command's name, or a daemon's under its tag.
enum class LogStderr { kNo, kYes, kTagged };

// Before main.cf is read: the environment (MAIL_LOGTAG, POSTLOG_SERVICE) and the name decide.
void open_early_log(std::string_view program, LogStderr to_stderr);

// From conf().
void open_log(std::string_view program, LogStderr to_stderr);

// Whether maillog_file begins with one of maillog_file_prefixes.
bool maillog_file_is_allowed();
unsigned maillog_file_mode();

// For the programs that start and stop the mail system: what postlogd does not take, since it does
// not run, goes into maillog_file all the same.  Only where the user is the instance's owner.
void log_without_postlogd();

}  // namespace relais
