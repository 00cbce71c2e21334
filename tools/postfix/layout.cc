#include "tools/postfix/layout.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/services.h"

#include "tools/postfix/control.h"

namespace relais::postfix_command {

namespace {

enum class Owner { kRoot, kMailOwner };
enum class Group { kAny, kSetgid };
enum class Kind { kDirectory, kFile };

struct Rule {
    std::string path;
    Kind kind = Kind::kDirectory;
    Owner owner = Owner::kRoot;
    Group group = Group::kAny;
    mode_t mode = 0755;
    bool created = true;  // made when it is missing
};

constexpr std::array kPrivateQueues = {"active",   "bounce", "corrupt", "defer",
                                       "deferred", "flush",  "hold",    "incoming",
                                       "saved",    "trace",  "private"};

std::vector<Rule> rules() {
    const Config& config = conf();
    const std::string& queue = config.queue_directory();
    std::vector<Rule> out = {
        {.path = config.config_directory()},
        {.path = config.daemon_directory()},
        {.path = queue},
        {.path = queue + "/pid"},
        {.path = config.data_directory(), .owner = Owner::kMailOwner, .mode = 0700},
    };
    for (const char* name : kPrivateQueues) {
        out.push_back({.path = queue + "/" + name, .owner = Owner::kMailOwner, .mode = 0700});
    }
    out.push_back({.path = queue + "/maildrop",
                   .owner = Owner::kMailOwner,
                   .group = Group::kSetgid,
                   .mode = 0730});
    out.push_back({.path = queue + "/public",
                   .owner = Owner::kMailOwner,
                   .group = Group::kSetgid,
                   .mode = 0710});
    // Open to everybody: users submit here whose postdrop cannot be set-gid.
    out.push_back({.path = queue + "/submit", .owner = Owner::kMailOwner});
    for (const char* name : {"postdrop", "postqueue", "postlog"}) {
        out.push_back({.path = config.command_directory() + "/" + name,
                       .kind = Kind::kFile,
                       .group = Group::kSetgid,
                       .mode = 02755,
                       .created = false});
    }
    return out;
}

bool is_privileged() {
    return ::geteuid() == 0;
}

struct Ids {
    uid_t mail_owner = 0;
    gid_t mail_group = 0;
    gid_t setgid_group = 0;
};

Ids lookup_ids() {
    Ids ids;
    if (!is_privileged()) {
        return {::geteuid(), ::getegid(), ::getegid()};
    }
    const passwd* owner = ::getpwnam(conf().mail_owner().c_str());
    if (owner == nullptr) {
        refuse("parameter mail_owner: unknown user name value: " + conf().mail_owner());
    }
    ids.mail_owner = owner->pw_uid;
    ids.mail_group = owner->pw_gid;
    const group* setgid = ::getgrnam(conf().setgid_group().c_str());
    if (setgid == nullptr) {
        refuse("parameter setgid_group: unknown group name: " + conf().setgid_group());
    }
    ids.setgid_group = setgid->gr_gid;
    return ids;
}

void give_ownership(const Rule& rule, const Ids& ids) {
    if (is_privileged()) {
        uid_t uid = rule.owner == Owner::kMailOwner ? ids.mail_owner : 0;
        gid_t gid = rule.group == Group::kSetgid      ? ids.setgid_group
                    : rule.owner == Owner::kMailOwner ? ids.mail_group
                                                      : 0;
        if (::chown(rule.path.c_str(), uid, gid) != 0) {
            log_warning("change ownership of {}: {}", rule.path, std::strerror(errno));
        }
    }
    // After chown(), which takes set-gid bits off.
    if (::chmod(rule.path.c_str(), rule.mode) != 0) {
        log_warning("change mode of {}: {}", rule.path, std::strerror(errno));
    }
}

// lstat, or nothing.
std::optional<struct stat> look_at(const std::string& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) {
        return std::nullopt;
    }
    return info;
}

void check_rule(const Rule& rule, const Ids& ids, std::vector<std::string>& out) {
    auto info = look_at(rule.path);
    if (!info) {
        return;
    }
    if (rule.kind == Kind::kFile) {
        if ((info->st_mode & 02111) != 02111) {
            out.push_back("not set-gid or not owner+group+world executable: " + rule.path);
        }
        return;
    }
    bool owned_by_root = rule.owner == Owner::kRoot && is_privileged();
    if (owned_by_root && info->st_uid != 0) {
        out.push_back("not owned by root: " + rule.path);
    }
    if (rule.owner == Owner::kMailOwner && info->st_uid != ids.mail_owner) {
        out.push_back("not owned by " + conf().mail_owner() + ": " + rule.path);
    }
    if (rule.group == Group::kSetgid && info->st_gid != ids.setgid_group) {
        out.push_back("not owned by group " + conf().setgid_group() + ": " + rule.path);
    }
    if (rule.owner == Owner::kRoot && (info->st_mode & 022) != 0 && !S_ISLNK(info->st_mode)) {
        out.push_back("group or other writable: " + rule.path);
    }
}

// Copies of system files in the jail that are no longer what the system has.
void check_jail(std::vector<std::string>& out) {
    constexpr std::array kCopied = {"etc/host.conf",     "etc/hosts",       "etc/localtime",
                                    "etc/nsswitch.conf", "etc/resolv.conf", "etc/services"};
    for (const char* name : kCopied) {
        std::string copy = conf().queue_directory() + "/" + name;
        auto inside = read_file(copy);
        auto outside = read_file(std::string("/") + name);
        if (inside && outside && *inside != *outside) {
            out.push_back(copy + " and /" + name + " differ");
        }
    }
}

// Not where master.cf cannot be read: what is wrong there is told by whoever needs it.
bool lacks_service(const std::string& name) {
    auto services = load_services(conf());
    return services && std::ranges::none_of(*services, [&](const MasterService& service) {
               return service.name == name;
           });
}

}  // namespace

void create_missing() {
    Ids ids = lookup_ids();
    for (const Rule& rule : rules()) {
        if (rule.kind != Kind::kDirectory || !rule.created || look_at(rule.path)) {
            continue;
        }
        if (::mkdir(rule.path.c_str(), 0700) != 0) {
            refuse(format("cannot create {}: {}", rule.path, std::strerror(errno)));
        }
        give_ownership(rule, ids);
    }
}

std::optional<std::string> fatal_problem() {
    const Config& config = conf();
    for (const auto* directory :
         {&config.queue_directory(), &config.daemon_directory(), &config.config_directory()}) {
        auto info = look_at(*directory);
        if (!info) {
            return "directory " + *directory + " does not exist";
        }
    }
    std::string master_cf = config.config_directory() + "/master.cf";
    if (!look_at(master_cf)) {
        return "no " + master_cf + " file found";
    }
    if (::access((config.daemon_directory() + "/master").c_str(), X_OK) != 0) {
        return "no " + config.daemon_directory() + "/master program found";
    }
    if (!config.maillog_file().empty() && lacks_service(config.postlog_service_name())) {
        return "missing '" + config.postlog_service_name() +
               "' service in master.cf - run 'postfix upgrade-configuration'";
    }
    return std::nullopt;
}

std::vector<std::string> layout_warnings() {
    std::vector<std::string> out;
    Ids ids = lookup_ids();
    for (const Rule& rule : rules()) {
        bool set_gid_program = rule.kind == Kind::kFile;
        if (set_gid_program && !is_privileged()) {
            continue;
        }
        check_rule(rule, ids, out);
    }
    check_jail(out);
    return out;
}

void use_settings(std::span<const std::string> settings) {
    ConfigOptions wanted;
    wanted.directory = conf().config_directory();
    wanted.process_name = "postfix";
    for (const std::string& setting : settings) {
        const auto pair = split_first(setting, '=');
        if (pair && pair->first == "config_directory") {
            wanted.directory = pair->second;
        } else {
            wanted.settings.push_back(setting);
        }
    }
    auto loaded = Config::load(wanted);
    if (!loaded) {
        refuse(loaded.error().message);
    }
    set_conf(std::move(*loaded));
}

int set_permissions() {
    create_missing();
    Ids ids = lookup_ids();
    for (const Rule& rule : rules()) {
        if (look_at(rule.path)) {
            give_ownership(rule, ids);
        }
    }
    return 0;
}

}  // namespace relais::postfix_command
