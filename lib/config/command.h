// How a command of the mail system starts: log, configuration, and for set-gid commands the care
// that they owe to whoever calls them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace relais {

// postcat and its like only tell whoever called them.
enum class CommandLog { kLogAndStderr, kStderr };

struct CommandKind {
    std::string_view name;
    int fatal_status = 1;  // sendmail: 75, postqueue: 69
    CommandLog log = CommandLog::kLogAndStderr;
};

// First thing in main(): from here on errors reach standard error and the log.  There the command
// goes by argv[0], from which most commands drop the directory first.
enum class CalledAs { kBaseName, kPath };
void begin_command(const CommandKind& kind, char** argv, CalledAs called = CalledAs::kBaseName);

// -c: exported, so that child processes use the same configuration.
void use_config_directory(const std::string& directory);

// After the options: reads main.cf (set_conf) and opens the log as it says.  Ends the process where
// that is impossible.
void configure_command(const CommandKind& kind);

// What set-gid commands owe before anything else that depends on the caller: descriptors 0 to 2 are
// open, and a configuration other than the default one must be listed in it
// (alternate_config_directories, multi_instance_directories) unless root asks, or the process is
// not set-gid at all.
void refuse_foreign_configuration();

// Both for set-gid commands.
void configure_setgid_command(const CommandKind& kind);

// For messages and access lists: the login name, or "unknown".
[[nodiscard]] std::string user_name_of(uid_t uid);

// The environment for a child process: what import_environment names, as NAME=value.
[[nodiscard]] std::vector<std::string> imported_environment();

}  // namespace relais
