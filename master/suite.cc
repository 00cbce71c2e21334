#include "master/suite.h"

#include <algorithm>

#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/services.h"

namespace relais::master {

void Suite::add(const MasterService& entry) {
    auto service = std::make_unique<Service>(entry, runtime_);
    if (auto opened = service->open(); !opened) {
        log_fatal("{}", opened.error().message);
    }
    services_.push_back(std::move(service));
}

void Suite::start(const std::vector<MasterService>& entries) {
    for (const auto& entry : entries) {
        add(entry);
    }
}

void Suite::reload(const std::vector<MasterService>& entries) {
    auto stays = [&](const std::unique_ptr<Service>& service) {
        return std::ranges::any_of(
            entries, [&](const MasterService& entry) { return service->is_same_as(entry); });
    };
    auto gone = std::partition(services_.begin(), services_.end(), stays);
    for (auto it = gone; it != services_.end(); ++it) {
        (*it)->shut_down();
        leaving_.push_back(std::move(*it));
    }
    services_.erase(gone, services_.end());
    for (const auto& entry : entries) {
        auto known = std::ranges::find_if(
            services_, [&](const auto& service) { return service->is_same_as(entry); });
        if (known != services_.end()) {
            (*known)->change(entry);
        } else {
            add(entry);
        }
    }
}

void Suite::reap() {
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        for (auto* list : {&services_, &leaving_}) {
            auto owner = std::ranges::find_if(
                *list, [pid](const auto& service) { return service->owns(pid); });
            if (owner != list->end()) {
                (*owner)->process_ended(pid, status);
            }
        }
    }
    std::erase_if(leaving_, [](const auto& service) { return !service->has_processes(); });
}

namespace {

// "name/type", "type" or "!pattern"; the first that matches decides.
bool is_disabled(const MasterService& service, const std::vector<std::string_view>& patterns) {
    std::string type(service_type_name(service.type));
    std::string full = service.name + "/" + type;
    for (std::string_view pattern : patterns) {
        bool negated = pattern.starts_with('!');
        std::string_view rest = negated ? pattern.substr(1) : pattern;
        if (iequals(rest, type) || iequals(rest, full)) {
            return !negated;
        }
    }
    return false;
}

// Runs postdrop for whoever connects, as him and with its group.  Only root can make a process
// somebody else's; and a queue that an older release has made may lack the directory.
std::optional<MasterService> submission_service(const Config& config) {
    const std::string& path = config.postdrop_socket();
    if (path.empty() || ::geteuid() != 0 ||
        ::access(parent_directory(config.queue_directory() + "/" + path).c_str(), F_OK) != 0) {
        return std::nullopt;
    }
    MasterService service;
    service.name = "postdrop";
    service.path = path;
    service.is_private = false;
    service.is_unprivileged = false;
    service.process_limit = config.default_process_limit();
    service.command = "spawn";
    // A program may keep its pipe to sendmail open for long.
    service.arguments = {"-o", "command_time_limit=1d", "user=*:" + config.setgid_group(),
                         "argv=" + config.command_directory() + "/postdrop", "-r"};
    return service;
}

}  // namespace

Result<std::vector<MasterService>> read_services(const Config& config) {
    auto services = load_services(config);
    if (!services) {
        return services;
    }
    if (auto submission = submission_service(config)) {
        services->push_back(std::move(*submission));
    }
    const std::string& disabled = config.master_service_disable();
    auto patterns = split_words(disabled, ", \t\r\n");
    bool without_inet = trim(config.inet_protocols()).empty();
    std::erase_if(*services, [&](const MasterService& service) {
        return is_disabled(service, patterns) ||
               (without_inet && service.type == ServiceType::kInet);
    });
    return services;
}

}  // namespace relais::master
