/* What somebody would try who has taken over a daemon or a command.  Loaded into the real one
 * (LD_PRELOAD, for daemons by import_environment), it waits until that process has given up its
 * rights, and then tries, once, what none of them has to do.  Each outcome is a line of the file
 * RELAIS_INTRUDER/report, which it opens before: "PROGRAM WHAT: OUTCOME". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int report = -1;
static char place[200];
static char lines[4000];
static size_t used;

static void tell(const char* what, int error) {
    used += (size_t)snprintf(lines + used, sizeof lines - used, "%s %s: %s\n", program_invocation_short_name, what,
                             error == 0 ? "done" : strerrorname_np(error));
}

static const char* in_place(const char* name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static int reads(const char* path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

static int writes(const char* path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

static int runs_a_shell(void) {
    int ends[2];
    int error = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        char* argv[] = {"sh", "-c", "exit 0", NULL};
        execv("/bin/sh", argv);
        error = errno;
        if (write(ends[1], &error, sizeof error) < 0) {
            _exit(2);
        }
        _exit(1);
    }
    close(ends[1]);
    if (read(ends[0], &error, sizeof error) < 0) {
        error = errno;
    }
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return error;
}

static int connects(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv("RELAIS_INTRUDER_PORT")))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect(fd, (struct sockaddr*)&to, sizeof to) == 0 ? 0 : errno;
    close(fd);
    return error;
}

/* TCP Fast Open: without connect(). */
static int connects_by_sending(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(getenv("RELAIS_INTRUDER_PORT")))};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr*)&to, sizeof to) > 0 ? 0 : errno;
    close(fd);
    return error;
}

static int error_of(long returned) {
    return returned >= 0 ? 0 : errno;
}

static void try_everything(void) {
    tell("runs a shell", runs_a_shell());
    tell("reads /etc/shadow", reads("/etc/shadow"));
    tell("reads another's mail", reads(in_place("secret")));
    tell("writes elsewhere", writes(in_place("written")));
    tell("makes a program", writes(in_place("../q/pid/written")));
    tell("connects out", connects());
    tell("connects by sending", connects_by_sending());
    tell("slows its parent", error_of(setpriority(PRIO_PROCESS, (id_t)getppid(), getpriority(PRIO_PROCESS, (id_t)getppid()))));
    tell("opens a raw socket", error_of(socket(AF_PACKET, SOCK_RAW, 0)));
    tell("makes a namespace", error_of(unshare(CLONE_NEWUSER)));
    tell("traces", error_of(ptrace(PTRACE_SEIZE, getppid(), 0, 0)));
    tell("ends its parent", error_of(kill(getppid(), 0)));
    tell("listens", error_of(syscall(SYS_listen, 0, 1)));
    tell("can be traced", error_of(prctl(PR_SET_DUMPABLE, 1)));
    tell("asks for the keys", error_of(syscall(SYS_keyctl, 0, 0, 0, 0, 0)));
    tell("asks for rings", error_of(syscall(425, 1, NULL)));
    tell("becomes another", error_of(syscall(SYS_setresuid, 1, 1, 1)));
}

static void try_once(void) {
    static int done;
    if (done || report < 0) {
        return;
    }
    done = 1;
    int error = errno;
    try_everything();
    if (write(report, lines, used) < 0) {
        abort();
    }
    errno = error;
}

__attribute__((constructor)) static void prepare(void) {
    const char* directory = getenv("RELAIS_INTRUDER");
    if (directory != NULL) {
        snprintf(place, sizeof place, "%s", directory);
        int fd = open(in_place("report"), O_WRONLY | O_APPEND | O_CLOEXEC);
        /* Out of the way of those that close what they do not know. */
        report = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 200);
    }
}

/* By this function the filter is put into force, after everything else. */
long syscall(long number, ...) {
    static long (*real)(long, long, long, long, long, long, long);
    if (real == NULL) {
        real = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
    }
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; ++i) {
        arguments[i] = va_arg(list, long);
    }
    va_end(list);
    long result = real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    if (number == SYS_seccomp && arguments[0] == SECCOMP_SET_MODE_FILTER && result == 0) {
        try_once();
    }
    return result;
}
