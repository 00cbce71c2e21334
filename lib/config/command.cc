#include "lib/config/command.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/environment.h"
#include "lib/config/load.h"
#include "lib/config/log_setup.h"

namespace relais {

namespace {

void apply(const CommandKind& kind, std::string stderr_name) {
    LogOptions options = log_options();
    options.stderr_name = std::move(stderr_name);
    options.fatal_status = kind.fatal_status;
    options.to_syslog = kind.log == CommandLog::kLogAndStderr;
    log_open(std::move(options));
}

// A file that the command opens must never become its standard output.
void open_standard_descriptors() {
    for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) {
            ::_exit(1);
        }
    }
}

bool lists_directory(const std::string& list, const std::string& directory) {
    for (auto word : split_words(list, ", \t\r\n")) {
        if (word == directory) {
            return true;
        }
    }
    return false;
}

// Set-id: the process may do what its caller may not.
bool has_more_rights_than_caller() {
    return ::getuid() != ::geteuid() || ::getgid() != ::getegid();
}

}  // namespace

void refuse_foreign_configuration() {
    open_standard_descriptors();
    std::string directory = config_directory_from({});
    if (::getuid() == 0 || directory == kDefaultConfigDirectory || !has_more_rights_than_caller()) {
        return;
    }
    ConfigOptions standard;
    standard.directory = kDefaultConfigDirectory;
    auto config = Config::load(standard);
    if (!config || (!lists_directory(config->alternate_config_directories(), directory) &&
                    !lists_directory(config->multi_instance_directories(), directory))) {
        log_error("unauthorized configuration directory name: {}", directory);
        log_fatal(
            "specify \"alternate_config_directories = {0}\" or \"multi_instance_directories = "
            "{0}\" in {1}/main.cf",
            directory, kDefaultConfigDirectory);
    }
}

void begin_command(const CommandKind& kind, char** argv, CalledAs called) {
    open_standard_descriptors();
    if (argv[0] != nullptr && called == CalledAs::kBaseName) {
        char* slash = std::strrchr(argv[0], '/');
        argv[0] = slash != nullptr ? slash + 1 : argv[0];
    }
    open_early_log(kind.name, LogStderr::kYes);
    apply(kind, argv[0] != nullptr ? argv[0] : std::string(kind.name));
}

void use_config_directory(const std::string& directory) {
    ::setenv("MAIL_CONFIG", directory.c_str(), 1);
}

void configure_command(const CommandKind& kind) {
    ConfigOptions wanted;
    wanted.process_name = kind.name;
    load_usable_conf(wanted);
    std::string stderr_name = log_options().stderr_name;
    open_log(kind.name, LogStderr::kYes);
    apply(kind, std::move(stderr_name));
}

void configure_setgid_command(const CommandKind& kind) {
    refuse_foreign_configuration();
    configure_command(kind);
}

std::vector<std::string> imported_environment() {
    return listed_environment("import_environment", conf().import_environment());
}

std::string user_name_of(uid_t uid) {
    const passwd* user = ::getpwuid(uid);
    return user != nullptr ? user->pw_name : "unknown";
}

}  // namespace relais
