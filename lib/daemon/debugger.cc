#include "lib/daemon/debugger.h"

#include <cstdlib>
#include <string>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/event/child.h"

namespace relais {

bool debugging_wanted() {
    return std::getenv("MAIL_DEBUG") != nullptr;
}

void run_debugger(std::string_view process_name) {
    std::string command = conf().debugger_command();
    if (command.empty()) {
        return;
    }
    log_info("running: {}", command);
    ChildSpec spec;
    spec.argv = {"/bin/sh", "-c", command};
    spec.environment = {"PATH=/bin:/usr/bin", "process_name=" + std::string(process_name),
                        "process_id=" + std::to_string(::getpid())};
    // What import_environment let through is there for debuggers with windows.
    for (const char* name : {"DISPLAY", "XAUTHORITY", "TZ", "MAIL_CONFIG"}) {
        if (const char* value = std::getenv(name)) {
            spec.environment.push_back(std::string(name) + "=" + value);
        }
    }
    if (auto started = Child::start(spec); !started) {
        log_warning("debugger_command: {}", started.error().message);
        return;
    }
    ::sleep(5);
}

}  // namespace relais
