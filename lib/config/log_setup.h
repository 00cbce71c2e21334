// Opens the log as the configuration says: the tag from syslog_name, postlogd where maillog_file is
// set, syslog otherwise.
#pragma once

#include <string_view>

namespace relais {

enum class LogStderr { kNo, kYes };

// Before main.cf is read: the environment (MAIL_LOGTAG, POSTLOG_SERVICE) and the name decide.
void open_early_log(std::string_view program, LogStderr to_stderr);

// From conf().
void open_log(std::string_view program, LogStderr to_stderr);

}  // namespace relais
