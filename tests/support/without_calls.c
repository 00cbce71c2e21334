/* Runs a program under somebody else's filter of system calls: `without_calls WHICH HOW PROGRAM ARGUMENT...`.
 * WHICH: landlock, or all that a sandbox is made with.  HOW: missing, as an older kernel says it, or deadly, as
 * systemd's SystemCallFilter= is. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST = 444, LAST = 446 }; /* landlock_create_ruleset to landlock_restrict_self */

int main(int argc, char** argv) {
    unsigned others = argc > 1 && strcmp(argv[1], "all") == 0 ? SYS_seccomp : FIRST;
    unsigned answer = argc > 2 && strcmp(argv[2], "deadly") == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | ENOSYS;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, others, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    if (argc < 4 || (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("without_calls");
        return 1;
    }
    execv(argv[3], argv + 3);
    perror(argv[3]);
    return 1;
}
