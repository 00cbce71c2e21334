#include "tools/postfix/log_rotate.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sstream>

#include <signal.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais::postfix_command {

static std::string rotation_suffix() {
    std::array<char, 128> text{};
    std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    std::strftime(text.data(), text.size(), conf().maillog_file_rotate_suffix().c_str(), &local);
    return text.data();
}

// The compressor is named without its directory: it is looked up in the usual places.
static std::string find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) {
        return name;
    }
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
        std::string candidate = directory + "/" + name;
        if (::access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
    }
    return "/usr/bin/" + name;
}

int rotate_log(Control& control) {
    const std::string& file = conf().maillog_file();
    if (file.empty()) {
        refuse("not implemented: 'logrotate' with empty maillog_file value");
    }
    if (file.starts_with("/dev/")) {
        refuse("not rotating '" + file + "'");
    }
    std::string suffix = rotation_suffix();
    if (suffix.empty()) {
        refuse("empty 'maillog_file_rotate_suffix' parameter value - logfile was not rotated");
    }
    if (conf().maillog_file_compressor().empty()) {
        refuse("empty 'maillog_file_compressor' parameter value - logfile was not rotated");
    }
    std::string rotated = file + "." + suffix;
    if (std::rename(file.c_str(), rotated.c_str()) != 0) {
        refuse(format("rename {} to {}: {}", file, rotated, std::strerror(errno)));
    }
    if (auto pid = control.master_pid()) {
        ::kill(static_cast<pid_t>(*pid), SIGHUP);
        ::sleep(1);
    }
    return run_and_wait({find_program(conf().maillog_file_compressor()), rotated});
}

}  // namespace relais::postfix_command
