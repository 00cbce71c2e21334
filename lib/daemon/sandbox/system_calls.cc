#include "lib/daemon/sandbox/system_calls.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace relais {

#if RELAIS_FILTERS_CALLS

namespace {

// Later calls have one number everywhere; the C library's headers may not know it yet.
enum Newer : int {
    kMapShadowStack = 453,
    kFchmodat2 = 452,
    kFutexWake = 454,
    kFutexWait = 455,
    kFutexRequeue = 456,
    kFutexWaitv = 449,
    kMseal = 462,
    kIoUringSetup = 425,
    kOpenat2 = 437,
    kFaccessat2 = 439,
    kEpollPwait2 = 441,
    kProcessMadvise = 440,
};

#define CALL(name) {SYS_##name, #name}

constexpr SystemCall kAlways[] = {
    // memory
    CALL(brk),
    CALL(mmap),
    CALL(munmap),
    CALL(mremap),
    CALL(mprotect),
    CALL(madvise),
    CALL(mincore),
    CALL(mlock),
    CALL(mlock2),
    CALL(munlock),
    CALL(msync),
    CALL(membarrier),
    CALL(memfd_create),
    CALL(pkey_alloc),
    CALL(pkey_free),
    CALL(pkey_mprotect),
    {kMapShadowStack, "map_shadow_stack"},
    {kMseal, "mseal"},
    {kProcessMadvise, "process_madvise"},
    // time and chance
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(nanosleep),
    CALL(gettimeofday),
    CALL(times),
    CALL(timer_create),
    CALL(timer_settime),
    CALL(timer_gettime),
    CALL(timer_getoverrun),
    CALL(timer_delete),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timerfd_gettime),
    CALL(getitimer),
    CALL(setitimer),
    CALL(getrandom),
    // threads, processes, signals
    CALL(futex),
    {kFutexWaitv, "futex_waitv"},
    {kFutexWake, "futex_wake"},
    {kFutexWait, "futex_wait"},
    {kFutexRequeue, "futex_requeue"},
    CALL(set_robust_list),
    CALL(get_robust_list),
    CALL(rseq),
    CALL(set_tid_address),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(rt_sigpending),
    CALL(rt_sigsuspend),
    CALL(rt_sigtimedwait),
    CALL(sigaltstack),
    CALL(signalfd4),
    CALL(restart_syscall),
    CALL(kill),
    CALL(tkill),
    CALL(tgkill),
    CALL(getpid),
    CALL(gettid),
    CALL(getppid),
    CALL(getuid),
    CALL(geteuid),
    CALL(getgid),
    CALL(getegid),
    CALL(getresuid),
    CALL(getresgid),
    CALL(getgroups),
    CALL(getpgid),
    CALL(getsid),
    CALL(setsid),
    CALL(setpgid),
    CALL(exit),
    CALL(exit_group),
    CALL(wait4),
    CALL(waitid),
    CALL(pidfd_open),
    CALL(pidfd_send_signal),
    CALL(sched_yield),
    CALL(sched_getaffinity),
    CALL(sched_getscheduler),
    CALL(sched_getparam),
    CALL(sched_get_priority_max),
    CALL(sched_get_priority_min),
    CALL(getpriority),
    CALL(getrusage),
    CALL(sysinfo),
    CALL(uname),
    CALL(umask),
    CALL(getcpu),
    CALL(capget),
    // what is open
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(preadv),
    CALL(pwritev),
    CALL(preadv2),
    CALL(pwritev2),
    CALL(close),
    CALL(close_range),
    CALL(dup),
    CALL(dup3),
    CALL(fcntl),
    CALL(lseek),
    CALL(fstat),
    CALL(fsync),
    CALL(fdatasync),
    CALL(sync_file_range),
    CALL(syncfs),
    CALL(ftruncate),
    CALL(flock),
    CALL(fallocate),
    CALL(fadvise64),
    CALL(readahead),
    CALL(sendfile),
    CALL(splice),
    CALL(tee),
    CALL(vmsplice),
    CALL(copy_file_range),
    CALL(ppoll),
    CALL(pselect6),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    {kEpollPwait2, "epoll_pwait2"},
    CALL(eventfd2),
    CALL(pipe2),
    CALL(fstatfs),
    CALL(fgetxattr),
    CALL(flistxattr),
    CALL(fchmod),
    CALL(fchown),
    // reading by path: Landlock and modes decide
    CALL(openat),
    {kOpenat2, "openat2"},
    CALL(newfstatat),
    CALL(statx),
    CALL(statfs),
    CALL(faccessat),
    {kFaccessat2, "faccessat2"},
    CALL(readlinkat),
    CALL(getcwd),
    CALL(chdir),
    CALL(fchdir),
    CALL(getdents64),
    CALL(getxattr),
    CALL(lgetxattr),
    CALL(listxattr),
    CALL(llistxattr),
    CALL(utimensat),
    // sockets that are open, and those of the file system
    CALL(connect),
    CALL(accept),
    CALL(accept4),
    CALL(getsockname),
    CALL(getpeername),
    CALL(getsockopt),
    CALL(setsockopt),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(recvmmsg),
    CALL(shutdown),
    // giving up more
    CALL(seccomp),
    {kLandlockCreateRuleset, "landlock_create_ruleset"},
    {kLandlockAddRule, "landlock_add_rule"},
    {kLandlockRestrictSelf, "landlock_restrict_self"},
#ifdef SYS_open  // older ways to say the same, where the processor has them
    CALL(open),
    CALL(stat),
    CALL(lstat),
    CALL(access),
    CALL(readlink),
    CALL(getdents),
    CALL(poll),
    CALL(select),
    CALL(epoll_create),
    CALL(epoll_wait),
    CALL(eventfd),
    CALL(pipe),
    CALL(dup2),
    CALL(signalfd),
    CALL(alarm),
    CALL(pause),
    CALL(time),
    CALL(getpgrp),
    CALL(fork),
    CALL(vfork),
    CALL(utime),
    CALL(utimes),
    CALL(futimesat),
#endif
#ifdef SYS_getrlimit
    CALL(getrlimit),
    CALL(setrlimit),
#endif
#ifdef SYS_arch_prctl
    CALL(arch_prctl),
    // what the kernel puts in the way of a function that somebody watches (bpftrace)
    {335, "uretprobe"},
    {336, "uprobe"},
#endif
};

constexpr SystemCall kChangeFiles[] = {
    CALL(mkdirat),     CALL(renameat2),    CALL(linkat),       CALL(symlinkat),
    CALL(unlinkat),    CALL(truncate),     CALL(fchmodat),     {kFchmodat2, "fchmodat2"},
    CALL(fchownat),    CALL(setxattr),     CALL(lsetxattr),    CALL(fsetxattr),
    CALL(removexattr), CALL(lremovexattr), CALL(fremovexattr),
#ifdef SYS_renameat
    CALL(renameat),
#endif
#ifdef SYS_rename
    CALL(creat),       CALL(mkdir),        CALL(rename),       CALL(link),
    CALL(symlink),     CALL(unlink),       CALL(rmdir),        CALL(chmod),
    CALL(chown),       CALL(lchown),
#endif
};

constexpr SystemCall kBind[] = {CALL(bind)};

// Whatever their flags: looking at these costs a little each time.
constexpr SystemCall kSendAnywhere[] = {CALL(sendto), CALL(sendmsg), CALL(sendmmsg)};

constexpr SystemCall kIdentity[] = {
    CALL(setuid),    CALL(setgid),   CALL(setreuid), CALL(setregid),  CALL(setresuid),
    CALL(setresgid), CALL(setfsuid), CALL(setfsgid), CALL(setgroups),
};

constexpr SystemCall kWatches[] = {
    CALL(inotify_init1),
    CALL(inotify_add_watch),
    CALL(inotify_rm_watch),
#ifdef SYS_inotify_init
    CALL(inotify_init),
#endif
};

// Kerberos looks into the kernel's key rings first; clone3's arguments cannot be looked at, and
// the C library then takes clone.
constexpr SystemCall kDoneWithout[] = {
    CALL(add_key), CALL(request_key), CALL(keyctl), CALL(clone3), {kIoUringSetup, "io_uring_setup"},
};

// Calls that nobody has, for whoever reads the log.
constexpr SystemCall kNobodys[] = {
    CALL(execve),
    CALL(execveat),
    CALL(ptrace),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(kcmp),
    CALL(pidfd_getfd),
    CALL(mount),
    CALL(umount2),
    CALL(pivot_root),
    CALL(chroot),
    CALL(unshare),
    CALL(setns),
    CALL(bpf),
    CALL(perf_event_open),
    CALL(userfaultfd),
    CALL(init_module),
    CALL(finit_module),
    CALL(delete_module),
    CALL(kexec_load),
    CALL(reboot),
    CALL(swapon),
    CALL(swapoff),
    CALL(sethostname),
    CALL(setdomainname),
    CALL(settimeofday),
    CALL(clock_settime),
    CALL(clock_adjtime),
    CALL(adjtimex),
    CALL(syslog),
    CALL(acct),
    CALL(quotactl),
    CALL(capset),
    CALL(personality),
    CALL(mknodat),
    CALL(name_to_handle_at),
    CALL(open_by_handle_at),
    CALL(fanotify_init),
    CALL(listen),
    CALL(shmget),
    CALL(shmat),
    CALL(semget),
    CALL(msgget),
    CALL(mq_open),
    CALL(io_setup),
    CALL(mbind),
    CALL(set_mempolicy),
    CALL(migrate_pages),
    CALL(move_pages),
    CALL(lookup_dcookie),
    CALL(remap_file_pages),
    CALL(vhangup),
    CALL(ioprio_set),
    CALL(socket),
    CALL(socketpair),
    CALL(prlimit64),
    CALL(sched_setaffinity),
    CALL(sched_setscheduler),
    CALL(sched_setparam),
    CALL(sched_setattr),
    CALL(setpriority),
    CALL(clone),
    CALL(prctl),
    CALL(ioctl),
};

#undef CALL

constexpr std::uint32_t kWhole = ~std::uint32_t{0};
constexpr std::uint32_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                         CLONE_NEWNET | CLONE_PTRACE;
constexpr unsigned kSetVirtualMemoryName = 0x53564d41;  // PR_SET_VMA
// TCGETS2, by which newer C libraries ask whether something is a terminal; their headers for it
// and for the rest of the system cannot be had together.
constexpr std::uint32_t kGetTerminal = _IOR('T', 0x2a, char[44]);
constexpr std::uint32_t kSocketType = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK

constexpr CheckedCall on(int number, unsigned argument, std::uint32_t value) {
    return {number, {{{argument, kWhole, value}, {}}}};
}

constexpr CheckedCall kChecked[] = {
    {SYS_clone, {{{0, kNewNamespaces, 0}, {}}}},
    on(SYS_socket, 0, AF_UNIX),
    on(SYS_socketpair, 0, AF_UNIX),
    on(SYS_prlimit64, 0, 0),  // one's own limits: those of another process can end it
    on(SYS_sched_setaffinity, 0, 0),
    on(SYS_sched_setscheduler, 0, 0),
    {SYS_setpriority, {{{0, kWhole, PRIO_PROCESS}, {1, kWhole, 0}}}},
    on(SYS_prctl, 0, PR_SET_NAME),
    on(SYS_prctl, 0, PR_GET_NAME),
    on(SYS_prctl, 0, PR_SET_PDEATHSIG),
    on(SYS_prctl, 0, PR_GET_DUMPABLE),
    {SYS_prctl, {{{0, kWhole, PR_SET_DUMPABLE}, {1, kWhole, 0}}}},  // less than before
    on(SYS_prctl, 0, PR_SET_NO_NEW_PRIVS),
    on(SYS_prctl, 0, PR_GET_NO_NEW_PRIVS),
    on(SYS_prctl, 0, PR_GET_SECCOMP),
    on(SYS_prctl, 0, PR_SET_SECCOMP),
    on(SYS_prctl, 0, PR_CAPBSET_READ),
    on(SYS_prctl, 0, kSetVirtualMemoryName),
    on(SYS_ioctl, 1, FIONREAD),
    on(SYS_ioctl, 1, FIONBIO),
    on(SYS_ioctl, 1, FIOCLEX),
    on(SYS_ioctl, 1, FIONCLEX),
    on(SYS_ioctl, 1, TIOCOUTQ),
    on(SYS_ioctl, 1, TCGETS),
    on(SYS_ioctl, 1, kGetTerminal),
    on(SYS_ioctl, 1, TIOCGWINSZ),
    // which network interfaces there are, and their addresses
    on(SYS_ioctl, 1, SIOCGIFCONF),
    on(SYS_ioctl, 1, SIOCGIFFLAGS),
    on(SYS_ioctl, 1, SIOCGIFADDR),
    on(SYS_ioctl, 1, SIOCGIFNETMASK),
    on(SYS_ioctl, 1, SIOCGIFNAME),
    on(SYS_ioctl, 1, SIOCGIFINDEX),
};

// Landlock is not asked about a connection that is made by sending (TCP Fast Open).
constexpr CheckedCall sends(int number, unsigned flags) {
    return {number, {{{flags, MSG_FASTOPEN, 0}, {}}}};
}

constexpr CheckedCall kSendOnConnections[] = {
    sends(SYS_sendto, 3),
    sends(SYS_sendmsg, 2),
    sends(SYS_sendmmsg, 3),
};

constexpr CheckedCall internet(std::uint32_t family, std::uint32_t type, std::uint32_t protocol) {
    return {SYS_socket, {{{0, kWhole, family}, {1, kSocketType, type}, {2, kWhole, protocol}}}};
}

// No other protocols: Landlock knows the ports of TCP alone.
constexpr CheckedCall kInternet[] = {
    internet(AF_INET, SOCK_STREAM, 0),
    internet(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    internet(AF_INET, SOCK_DGRAM, 0),
    internet(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    internet(AF_INET6, SOCK_STREAM, 0),
    internet(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    internet(AF_INET6, SOCK_DGRAM, 0),
    internet(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    // which addresses this machine has: getaddrinfo(3)
    internet(AF_NETLINK, SOCK_RAW, 0),
    internet(AF_NETLINK, SOCK_DGRAM, 0),
};

}  // namespace

std::span<const SystemCall> system_calls(CallGroup group) {
    switch (group) {
        case CallGroup::kAlways:
            return kAlways;
        case CallGroup::kChangeFiles:
            return kChangeFiles;
        case CallGroup::kBind:
            return kBind;
        case CallGroup::kSendAnywhere:
            return kSendAnywhere;
        case CallGroup::kIdentity:
            return kIdentity;
        case CallGroup::kWatches:
            return kWatches;
    }
    return {};
}

std::span<const CheckedCall> checked_calls(CheckedGroup group) {
    switch (group) {
        case CheckedGroup::kAlways:
            return kChecked;
        case CheckedGroup::kInternet:
            return kInternet;
        case CheckedGroup::kSendOnConnections:
            return kSendOnConnections;
    }
    return {};
}

std::span<const SystemCall> calls_done_without() {
    return kDoneWithout;
}

std::string_view system_call_name(int number) {
    for (std::span<const SystemCall> calls :
         {std::span<const SystemCall>(kNobodys), std::span<const SystemCall>(kChangeFiles),
          std::span<const SystemCall>(kBind), std::span<const SystemCall>(kSendAnywhere),
          std::span<const SystemCall>(kIdentity), std::span<const SystemCall>(kWatches),
          std::span<const SystemCall>(kAlways), std::span<const SystemCall>(kDoneWithout)}) {
        for (const SystemCall& call : calls) {
            if (call.number == number) {
                return call.name;
            }
        }
    }
    return {};
}

#else  // other processors lack some of these calls, and theirs are not filtered

std::span<const SystemCall> system_calls(CallGroup /*group*/) {
    return {};
}

std::span<const CheckedCall> checked_calls(CheckedGroup /*group*/) {
    return {};
}

std::span<const SystemCall> calls_done_without() {
    return {};
}

std::string_view system_call_name(int /*number*/) {
    return {};
}

#endif

}  // namespace relais
