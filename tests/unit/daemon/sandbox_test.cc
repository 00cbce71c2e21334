// Each test acts in a child, which says how it went by its status.
#include "lib/daemon/sandbox.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/unique_fd.h"
#include "lib/config/config.h"
#include "lib/config/load.h"
#include "lib/daemon/sandbox/call_filter.h"
#include "lib/daemon/sandbox/foreign_filter.h"
#include "lib/daemon/sandbox/landlock.h"
#include "lib/daemon/sandbox/name_service.h"
#include "lib/daemon/sandbox/refused_calls.h"
#include "lib/daemon/sandbox/system_calls.h"
#include "lib/maps/later_table.h"
#include "lib/maps/table_needs.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

using namespace relais;

namespace {

// What a child returns; 255 where it was killed.
int in_child(const std::function<int()>& work) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::_exit(work());
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// 0, or what a call that fails says.
template <class Value>
int error_of(Value returned) {
    return returned >= 0 ? 0 : errno;
}

bool filters_are_there() {
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    return false;
#else
    return call_filter_known() && ::prctl(PR_GET_SECCOMP) >= 0;
#endif
}

void allow_always(AllowedCalls& allowed) {
    for (const SystemCall& call : system_calls(CallGroup::kAlways)) {
        allowed.numbers.push_back(call.number);
    }
    for (const CheckedGroup group : {CheckedGroup::kAlways, CheckedGroup::kSendOnConnections}) {
        for (const CheckedCall& call : checked_calls(group)) {
            allowed.checked.push_back(call);
        }
    }
}

// With what every process may do, and `more`.
int filtered(const std::function<int()>& work, std::span<const CheckedCall> more = {}) {
    return in_child([&] {
        AllowedCalls allowed;
        allow_always(allowed);
        allowed.checked.insert(allowed.checked.end(), more.begin(), more.end());
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        handle_refused_calls(Refusal::kFails, {});
        if (!install_call_filter(make_call_filter(allowed, 0))) {
            return 254;
        }
        return work();
    });
}

int run_shell() {
    std::array<char*, 2> argv = {const_cast<char*>("/bin/sh"), nullptr};
    return error_of(::execv(argv[0], argv.data()));
}

void set_conf(std::vector<std::string> settings, const std::string& directory) {
    std::ofstream(directory + "/main.cf") << "queue_directory = " << directory << "\n";
    ConfigOptions options;
    options.directory = directory;
    options.settings = std::move(settings);
    load_conf(options);
}

int try_to_write(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT, 0600));
    return error_of(fd.get());
}

int try_to_read(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY));
    return error_of(fd.get());
}

constexpr SandboxTable kTable = {
    .files = {{Access::kChange, "mine"},
              {Access::kRead, "$import_environment"},
              {Access::kRead, "$export_environment/"},
              {Access::kRead, "@certificates"}},
};
// As of those that change what the parameters name.
constexpr SandboxTable kChangingTable = {
    .files = {{Access::kChange, "$import_environment"}, {Access::kChange, "$export_environment/"}},
};
constexpr SandboxTable kQueueTable = {.files = {{Access::kRead, "@queues"}}};

constexpr auto kAllGroups =
    std::to_array<CallGroup>({CallGroup::kAlways, CallGroup::kChangeFiles, CallGroup::kBind,
                              CallGroup::kSendAnywhere, CallGroup::kIdentity, CallGroup::kWatches});

bool filter_with(std::span<sock_filter> code) {
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// From here on `action` is what becomes of a call.
bool answer_instead(int number, std::uint32_t action) {
    std::array code = {
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, action),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return filter_with(code);
}

// From here on seccomp(2) does not know one of its flags.
bool pretend_not_to_know(unsigned flag) {
    std::array code = {
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
        sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1])),
        sock_filter BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, 1),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return filter_with(code);
}

}  // namespace

TEST_CASE("sandbox: names and numbers of system calls are the system's") {
    for (const CallGroup group : kAllGroups) {
        for (const SystemCall& call : system_calls(group)) {
            const std::string name(call.name);
            const int known = ::seccomp_syscall_resolve_name(name.c_str());
            INFO(name);
            // What the library is too old for it does not know.
            CHECK((known == call.number || known == __NR_SCMP_ERROR));
            CHECK(call.number < kFirstUnknownCall);
        }
    }
    CHECK(system_call_name(SYS_execve) == "execve");
    CHECK(system_call_name(100000).empty());
}

TEST_CASE("sandbox: no table has what it is there to prevent") {
    for (const CallGroup group : kAllGroups) {
        for (const SystemCall& call : system_calls(group)) {
            for (const int never :
                 {SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_mount, SYS_bpf,
                  SYS_perf_event_open, SYS_userfaultfd, SYS_unshare, SYS_setns, SYS_keyctl,
                  SYS_chroot, SYS_clone3, SYS_pidfd_getfd, SYS_listen}) {
                INFO(call.name);
                CHECK(call.number != never);
            }
        }
    }
}

TEST_CASE("sandbox: what is not listed fails, and the process goes on") {
    if (!filters_are_there()) {
        WARN("no system calls are filtered here");
        return;
    }
    CHECK(filtered(run_shell) == EPERM);
    CHECK(filtered([] { return error_of(::unshare(CLONE_NEWUSER)); }) == EPERM);
    CHECK(filtered([] { return error_of(::mkdir("/tmp/relais-sandbox-test", 0700)); }) == EPERM);
    CHECK(filtered([] { return error_of(::socket(AF_INET, SOCK_STREAM, 0)); }) == EPERM);
    CHECK(filtered([] { return error_of(::prctl(PR_SET_DUMPABLE, 1)); }) == EPERM);
    CHECK(filtered([] {
              return error_of(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
          }) == EPERM);
}

TEST_CASE("sandbox: what libraries try out of habit is not there") {
    if (!filters_are_there()) {
        return;
    }
    CHECK(filtered([] { return error_of(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }) == ENOSYS);
    CHECK(filtered([] { return error_of(::syscall(kFirstUnknownCall + 30)); }) == ENOSYS);
}

TEST_CASE("sandbox: threads, children, files and sockets of the file system remain") {
    if (!filters_are_there()) {
        return;
    }
    CHECK(filtered([] {
              int seen = 0;
              std::thread([&] { seen = 7; }).join();
              return seen - 7;
          }) == 0);
    CHECK(filtered([] { return in_child([] { return 3; }); }) == 3);
    CHECK(filtered([] { return error_of(::socket(AF_UNIX, SOCK_STREAM, 0)); }) == 0);
    CHECK(filtered([] { return try_to_read("/dev/null"); }) == 0);
}

TEST_CASE("sandbox: sockets of the internet are those of TCP and UDP") {
    if (!filters_are_there()) {
        return;
    }
    const auto make = [](int family, int type, int protocol) {
        return filtered([=] { return error_of(::socket(family, type, protocol)); },
                        checked_calls(CheckedGroup::kInternet));
    };
    constexpr int kMultipath = 262;  // IPPROTO_MPTCP, which Landlock's ports do not bound
    CHECK(make(AF_INET, SOCK_STREAM, 0) == 0);
    CHECK(make(AF_INET6, SOCK_DGRAM, IPPROTO_UDP) == 0);
    CHECK(make(AF_NETLINK, SOCK_RAW, 0) == 0);
    CHECK(make(AF_INET, SOCK_STREAM, kMultipath) == EPERM);
    CHECK(make(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP) == 0);
    CHECK(make(AF_INET, SOCK_SEQPACKET, 0) == EPERM);  // SCTP, where that is loaded
    CHECK(make(AF_INET, SOCK_RAW, 0) == EPERM);
    CHECK(make(AF_PACKET, SOCK_RAW, 0) == EPERM);
    CHECK(make(AF_VSOCK, SOCK_STREAM, 0) == EPERM);
}

TEST_CASE("sandbox: sending makes no connection") {
    if (!filters_are_there()) {
        return;
    }
    const auto send_with = [](int flags) {
        return filtered(
            [=] {
                const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
                sockaddr_in to{};
                to.sin_family = AF_INET;
                to.sin_port = htons(1);
                to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                return error_of(::sendto(fd.get(), "x", 1, flags | MSG_NOSIGNAL,
                                         reinterpret_cast<sockaddr*>(&to), sizeof to));
            },
            checked_calls(CheckedGroup::kInternet));
    };
    CHECK(send_with(0) == EPIPE);
    CHECK(send_with(MSG_FASTOPEN) == EPERM);
}

TEST_CASE("sandbox: a process sets its own priority, and asks which interfaces there are") {
    if (!filters_are_there()) {
        return;
    }
    cpu_set_t cpus;
    ::sched_getaffinity(0, sizeof cpus, &cpus);
    const auto other = static_cast<id_t>(::getpid());  // for the child
    CHECK(filtered([] { return error_of(::setpriority(PRIO_PROCESS, 0, 19)); }) == 0);
    CHECK(filtered([&] { return error_of(::setpriority(PRIO_PROCESS, other, 19)); }) == EPERM);
    CHECK(filtered([] { return error_of(::setpriority(PRIO_USER, 0, 19)); }) == EPERM);
    CHECK(filtered([&] { return error_of(::sched_setaffinity(0, sizeof cpus, &cpus)); }) == 0);
    CHECK(filtered([&] {
              return error_of(::sched_setaffinity(static_cast<pid_t>(other), sizeof cpus, &cpus));
          }) == EPERM);
    const auto ask = [](unsigned long request) {
        return filtered(
            [=] {
                const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
                ifreq interface{};
                std::string_view("lo").copy(interface.ifr_name, sizeof interface.ifr_name);
                return error_of(::ioctl(fd.get(), request, &interface));
            },
            checked_calls(CheckedGroup::kInternet));
    };
    CHECK(ask(SIOCGIFINDEX) == 0);
    CHECK(ask(SIOCSIFFLAGS) == EPERM);
    CHECK(ask(SIOCGIFMAP) == EPERM);
}

TEST_CASE("sandbox: the signal that others send means nothing") {
    if (!filters_are_there()) {
        return;
    }
    CHECK(filtered([] {
              ::raise(SIGSYS);
              return 5;
          }) == 5);
}

TEST_CASE("sandbox: a kernel that does not know a flag gets none") {
    if (!filters_are_there()) {
        return;
    }
    CHECK(in_child([] {
              return pretend_not_to_know(SECCOMP_FILTER_FLAG_SPEC_ALLOW) ? filtered(run_shell)
                                                                         : 254;
          }) == EPERM);
    CHECK(in_child([] {
              return pretend_not_to_know(SECCOMP_FILTER_FLAG_TSYNC) ? filtered(run_shell) : 253;
          }) == 254);
}

TEST_CASE("sandbox: a filter of somebody else that kills is noticed in time") {
    if (!filters_are_there()) {
        return;
    }
    constexpr auto kKills = SECCOMP_RET_KILL_PROCESS;
    CHECK(in_child([] {
              return answer_instead(kLandlockCreateRuleset, kKills) ? landlock_version() : 254;
          }) == 0);
    const TemporaryDirectory directory;
    CHECK(in_child([&] {
              set_conf({"sandbox=strict"}, directory.path());
              if (!answer_instead(SYS_seccomp, kKills)) {
                  return 254;
              }
              enter_sandbox(kTable);
              return missing_protection().starts_with("system calls are not filtered") ? 7 : 8;
          }) == 7);
}

TEST_CASE("sandbox: who cannot try, within somebody else's filter, does not do without") {
    if (!filters_are_there()) {
        return;
    }
    constexpr auto kAsks = kLandlockCreateRuleset;
    const auto tried = [](void (*prepare)()) {
        return in_child([=] {
            prepare();
            return is_survived([] { ::syscall(kAsks, nullptr, std::size_t{0}, 1); }) ? 7 : 8;
        });
    };
    CHECK(tried([] { answer_instead(kAsks, SECCOMP_RET_KILL_PROCESS); }) == 8);
    CHECK(tried([] {
              ::signal(SIGCHLD, SIG_IGN);
              answer_instead(kAsks, SECCOMP_RET_KILL_PROCESS);
          }) == 8);
    CHECK(tried([] { answer_instead(SYS_getppid, SECCOMP_RET_ALLOW); }) == 7);
    // fork(3) is clone(2).
    CHECK(tried([] { answer_instead(SYS_clone, SECCOMP_RET_ERRNO | EAGAIN); }) == 1);
    CHECK(in_child([] {
              answer_instead(SYS_getppid, SECCOMP_RET_ALLOW);
              return is_survived([] { ::raise(SIGKILL); }) ? 7 : 8;
          }) == 1);
}

TEST_CASE("sandbox: there is one within another") {
    if (landlock_version() == 0 || !filters_are_there()) {
        return;
    }
    const TemporaryDirectory directory;
    CHECK(in_child([&] {
              set_conf({"sandbox=strict"}, directory.path());
              constexpr SandboxTable kAll = {.files = {{Access::kRead, "/"}}};
              enter_sandbox(kAll);
              const int before = try_to_read("/etc/passwd");
              enter_sandbox({});
              return before == 0 ? try_to_read("/etc/passwd") : 254;
          }) == EACCES);
}

TEST_CASE("sandbox: in log mode the call is made after all") {
    if (!filters_are_there()) {
        return;
    }
    const int status = in_child([] {
        AllowedCalls allowed;
        allow_always(allowed);
        allowed.trapped = calls_with_places();
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        handle_refused_calls(Refusal::kIsOnlyLogged, {});
        if (!install_call_filter(make_call_filter(allowed, passing_instruction()))) {
            return 254;
        }
        if (::socket(AF_INET, SOCK_STREAM, 0) < 0 || try_to_read("/etc/passwd") != 0 ||
            try_to_read("/nowhere") != ENOENT) {
            return 253;
        }
        std::array<char*, 4> argv = {const_cast<char*>("/bin/sh"), const_cast<char*>("-c"),
                                     const_cast<char*>("exit 9"), nullptr};
        ::execv(argv[0], argv.data());
        return 252;
    });
    // The shell has the filter and no handler: its own calls that are looked at end it.
    CHECK((status == 9 || status == 255));
}

TEST_CASE("sandbox: files are those of the table") {
    const TemporaryDirectory directory;
    const std::string place = directory.path();
    ::mkdir((place + "/mine").c_str(), 0700);
    ::mkdir((place + "/other").c_str(), 0700);
    std::ofstream(place + "/other/secret") << "x";
    const auto confined = [&](const std::string& mode, const std::function<int()>& work) {
        return in_child([&] {
            set_conf({"sandbox=" + mode, "import_environment=" + place + "/main.cf"}, place);
            if (::chdir(place.c_str()) != 0) {
                return 254;
            }
            enter_sandbox(kTable);
            return work();
        });
    };
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    return;
#endif
    CHECK(confined("off", [&] { return try_to_read(place + "/other/secret"); }) == 0);
    CHECK(confined("strict", [&] { return try_to_write(place + "/mine/file"); }) == 0);
    CHECK(confined("log", [&] { return try_to_write(place + "/other/file"); }) == 0);
    CHECK(confined("strict", [&] { return error_of(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); }) ==
          0);
    if (landlock_version() == 0) {
        WARN("there is no Landlock here");
        return;
    }
    CHECK(confined("strict", [&] { return try_to_read(place + "/main.cf"); }) == 0);
    CHECK(confined("strict", [&] { return try_to_write(place + "/main.cf"); }) == EACCES);
    CHECK(confined("strict", [&] { return try_to_read(place + "/other/secret"); }) == EACCES);
    CHECK(confined("strict", [&] { return try_to_write(place + "/other/file"); }) == EACCES);
    CHECK(confined("strict", [] { return try_to_read("/etc/passwd"); }) == EACCES);
    CHECK(confined("strict", [] { return error_of(::kill(::getppid(), 0)); }) ==
          (landlock_version() >= 6 ? EPERM : 0));
    CHECK(confined("strict", run_shell) != 0);
}

TEST_CASE(
    "sandbox: links of a directory that is named, files around one, the queue's directories") {
    const TemporaryDirectory directory;
    const std::string place = directory.path();
    namespace fs = std::filesystem;
    const TemporaryDirectory disk;
    std::ofstream(disk.path() + "/file") << "x";
    for (const char* name :
         {"mine", "authorities", "real", "renewed", "default", "other", "hidden"}) {
        fs::create_directory(place + "/" + name);
        std::ofstream(place + "/" + name + "/file") << "x";
    }
    fs::create_symlink("../real/file", place + "/authorities/0.pem");
    fs::create_symlink("../mine/file", place + "/default/1.pem");
    fs::create_directory_symlink(disk.path(), place + "/deferred");
    fs::create_directories(place + "/home/certificates");
    std::ofstream(place + "/home/certificates/file") << "x";
    std::ofstream(place + "/home/secret") << "x";
    fs::create_directory_symlink(place + "/home/certificates", place + "/authorities/more");
    fs::create_directory_symlink(place + "/home/certificates", place + "/away");
    // As the process itself makes it, for the next one.
    fs::create_symlink(place + "/hidden/file", place + "/mine/wanted");
    const auto reads = [&](const SandboxTable& table, const std::string& file) {
        return in_child([&] {
            ::setenv("SSL_CERT_DIR", (place + "/default").c_str(), 1);
            set_conf({"sandbox=strict",
                      "import_environment=" + place + "/authorities " + place + "/mine",
                      "export_environment=" + place + "/renewed/not-yet " + place + "/away"},
                     place);
            if (::chdir(place.c_str()) != 0) {
                return 254;
            }
            enter_sandbox(table);
            return try_to_read(place + file);
        });
    };
    if (landlock_version() == 0 || !filters_are_there()) {
        WARN("there is no Landlock here");
        return;
    }
    CHECK(reads(kTable, "/authorities/0.pem") == 0);
    CHECK(reads(kTable, "/renewed/file") == 0);
    CHECK(reads(kTable, "/default/1.pem") == 0);
    CHECK(reads(kTable, "/authorities/more/file") == 0);
    CHECK(reads(kTable, "/away/file") == 0);
    CHECK(reads(kTable, "/home/secret") == EACCES);
    CHECK(reads(kChangingTable, "/mine/file") == 0);
    CHECK(reads(kChangingTable, "/mine/wanted") == EACCES);
    CHECK(reads(kChangingTable, "/renewed/file") == 0);
    CHECK(reads(kChangingTable, "/real/file") == EACCES);
    CHECK(reads(kTable, "/other/file") == EACCES);
    CHECK(reads(kTable, "/deferred/file") == EACCES);
    CHECK(reads(kQueueTable, "/deferred/file") == 0);
}

TEST_CASE("sandbox: an older kernel's Landlock is taken as it is") {
    if (landlock_version() == 0) {
        WARN("there is no Landlock here");
        return;
    }
    const auto opens = [](int version, const char* path) {
        return in_child([=] {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            FileAndPortRules rules;
            rules.places = {{Access::kRead, "/dev/null"}};
            return restrict_files_and_ports(rules, version) ? try_to_read(path) : 254;
        });
    };
    CHECK(opens(0, "/etc/passwd") == 0);
    for (int version = 2; version <= landlock_version(); ++version) {
        INFO(version);
        CHECK(opens(version, "/dev/null") == 0);
        CHECK(opens(version, "/etc/passwd") == EACCES);
    }
}

TEST_CASE("sandbox: without descriptors to name its places nothing is begun") {
    if (landlock_version() == 0 || !filters_are_there()) {
        return;
    }
    const TemporaryDirectory directory;
    CHECK(in_child([&] {
              set_conf({"sandbox=strict"}, directory.path());
              const UniqueFd last(::open("/dev/null", O_RDONLY));
              const auto one_more = static_cast<rlim_t>(last.get() + 2);
              const rlimit limit{one_more, one_more};
              if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
                  return 254;
              }
              enter_sandbox(kTable);
              return 77;
          }) == 1);
}

TEST_CASE("sandbox: accounts on other machines are those that nsswitch.conf says") {
    CHECK(asks_network_for_accounts("passwd: files ldap\n"));
    CHECK(asks_network_for_accounts("hosts: dns\ngroup:\tfiles [NOTFOUND=return] nis\n"));
    CHECK(asks_network_for_accounts("passwd:ldap\n"));
    CHECK(asks_network_for_accounts("  group :files[NOTFOUND=return]nis\n"));
    CHECK(!asks_network_for_accounts("hosts:passwd: ldap\npasswd ldap\n"));
    CHECK(!asks_network_for_accounts("passwd: files systemd sss winbind\nhosts: files dns nis\n"));
    CHECK(!asks_network_for_accounts("#passwd: ldap\npasswd: files # ldap\n"));
    CHECK(!asks_network_for_accounts(""));
}

TEST_CASE("sandbox: ports are those of the table") {
    if (landlock_version() < 4) {
        WARN("Landlock here knows no ports");
        return;
    }
    const auto try_port = [](std::vector<std::uint16_t> ports, std::uint16_t port) {
        return in_child([&] {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            FileAndPortRules rules;
            rules.ports = std::move(ports);
            if (!restrict_files_and_ports(rules)) {
                return 254;
            }
            const UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            return error_of(
                ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
        });
    };
    // Nobody listens on port 1.
    CHECK(try_port({1}, 1) == ECONNREFUSED);
    CHECK(try_port({2}, 1) == EACCES);
    CHECK(try_port({}, 1) == EACCES);
}

TEST_CASE("sandbox: where files are changed, links to elsewhere are root's") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/users.db";
    std::filesystem::create_symlink("/srv/elsewhere/users.db", path);
    const auto follows = [&] {
        return in_child([&] {
            note_table("btree", path, TableUse::kWrites);
            note_table_file(path);
            return table_needs().changed.contains("/srv/elsewhere/") ? 7 : 8;
        });
    };
    if (::geteuid() != 0) {
        CHECK(follows() == 8);
        return;
    }
    CHECK(follows() == 7);
    REQUIRE(::lchown(path.c_str(), 65534, 65534) == 0);
    CHECK(follows() == 8);
}

TEST_CASE("sandbox: tables bring with them what they need") {
    const TemporaryDirectory directory;
    const std::string settings = directory.path() + "/users.cf";
    std::ofstream(settings) << "dbpath = /srv/later/users.db\n";
    // In a child: what is noted stays.
    const int status = in_child([&] {
        set_conf({}, directory.path());
        note_table("static", "/none", TableUse::kReads);
        note_table("inline", "{ /a=b }", TableUse::kReads);
        note_table("proxy", "mysql:/etc/x.cf", TableUse::kReads);
        const TableNeeds& needs = table_needs();
        if (!needs.read.empty() || !needs.changed.empty() || needs.servers) {
            return 1;
        }
        note_table("hash", "/etc/mail/access", TableUse::kReads);
        note_table("btree", "/var/lib/x/cache", TableUse::kWrites);
        note_table_file("/srv/data/users.db");
        if (needs.read != std::set<std::string>{"/etc/mail/"} ||
            needs.changed != std::set<std::string>{"/srv/data/", "/var/lib/x/"} || needs.servers) {
            return 2;
        }
        note_later_table("sqlite:" + settings);
        note_later_table("sqlite:/nowhere");
        note_later_table("hash:/srv/other/x");
        if (needs.changed != std::set<std::string>{"/srv/data/", "/srv/later/", "/var/lib/x/"}) {
            return 4;
        }
        ::setenv("KRB5CCNAME", "DIR:/srv/tickets", 1);
        ::setenv("KRB5_CLIENT_KTNAME", "/srv/keys/mail.keytab", 1);
        note_later_table("ldap:" + settings);
        std::ofstream(settings) << "bind = sasl\n";
        if (needs.changed.contains("/srv/tickets/")) {
            return 5;
        }
        note_later_table("ldap:" + settings);
        if (!needs.changed.contains("/srv/tickets/") || needs.changed.contains("/srv/keys/") ||
            !needs.read.contains("/srv/keys/")) {
            return 6;
        }
        note_table("ldap", "/etc/mail/ldap.cf", TableUse::kReads);
        return needs.servers ? 0 : 3;
    });
    CHECK(status == 0);
}
