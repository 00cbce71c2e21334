/* For tests: a library in front of the calls that read and change files.  What tests/support/faults.py writes into the file that RELAIS_FAULTS
 * names makes the Nth of them below some directories fail, or write less than it was told; and it notes all changes, in the order in
 * which they happened in all processes, with what is said to clients meanwhile (tests/support/power_loss.py reads that). */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN, READ, WRITE, FSYNC, RENAME, LINK, UNLINK, MKDIR, CLOSE, FTRUNCATE, FCHMOD, FUTIMENS };

/* The file; faults.py has the same layout. */
struct control {
    atomic_int armed;
    unsigned kinds;      /* a bit for each */
    int error;           /* 0: a short write, or nothing where that cannot be */
    int lasting;         /* all calls from the Nth on */
    long nth;
    atomic_long count, hits;
    atomic_int tracing, busy;
    char below[1024];    /* directories, a line each */
    char what[960];      /* the call that failed first */
};

static struct control *control;
static int trace_file = -1;

#define REAL(name) static __typeof__(name) *real; if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("RELAIS_FAULTS");
    char trace[PATH_MAX];
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    snprintf(trace, sizeof(trace), "%s.trace", path);
    trace_file = open(trace, O_WRONLY | O_APPEND | O_CLOEXEC);
    control = mapped == MAP_FAILED ? NULL : mapped;
}

/* -- which calls are meant ------------------------------------------------------------------------------------------------------------ */

static void path_of_fd(int fd, char *name) {
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, name, PATH_MAX - 1);
    name[size < 0 ? 0 : size] = 0;
}

static void absolute(int directory, const char *path, char *name) {
    char base[PATH_MAX] = "";
    if (path[0] == '/') {
        snprintf(name, PATH_MAX, "%s", path);
        return;
    }
    if (directory == AT_FDCWD) {
        if (!getcwd(base, sizeof(base)))
            base[0] = 0;
    } else {
        path_of_fd(directory, base);
    }
    if (snprintf(name, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
        name[0] = 0;
}

/* In one of the directories, or such a directory itself. */
static int is_below(const char *name) {
    const char *line = control->below;
    size_t length = strlen(name);
    while (*line) {
        size_t size = strcspn(line, "\n");
        if (size && strncmp(name, line, length + 1 == size ? length : size) == 0)
            return 1;
        line += size + (line[size] == '\n');
    }
    return 0;
}

/* Whether the call is to fail; then errno says how. */
static int fails(enum kind kind, const char *name) {
    if (!control || !control->armed || !(control->kinds & 1u << kind) || !is_below(name))
        return 0;
    long number = ++control->count;
    if (control->lasting ? number < control->nth : number != control->nth)
        return 0;
    if (++control->hits == 1)
        snprintf(control->what, sizeof(control->what), "%d %s by %s", (int)kind, name, program_invocation_short_name);
    errno = control->error;
    return 1;
}

static int fails_fd(enum kind kind, int fd) {
    char name[PATH_MAX];
    if (!control || !control->armed)
        return 0;
    path_of_fd(fd, name);
    return fails(kind, name);
}

/* -- the notes ------------------------------------------------------------------------------------------------------------------------ */

static int traced(void) {
    return control && trace_file >= 0 && control->tracing;
}

/* Of all processes, so that the notes are in the order of what they tell. */
static void lock(void) {
    while (atomic_exchange(&control->busy, 1))
        usleep(20);
}

static void unlock(void) {
    control->busy = 0;
}

static void note(const char *what, unsigned long long inode, long long number, const char *one, const char *two, const void *data, size_t size) {
    char head[2 * PATH_MAX + 200];
    int length = snprintf(head, sizeof(head), "%s\t%llu\t%lld\t%s\t%s\t%zu\n", what, inode, number, one, two, size);
    struct iovec parts[2] = {{head, (size_t)length}, {(void *)data, size}};
    REAL(writev);
    if (real(trace_file, parts, 2) < 0)
        abort();
}

static unsigned long long inode_of(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static unsigned long long inode_at(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 ? status.st_ino : 0;
}

static void note_fd(const char *what, int fd, long long number) {
    char name[PATH_MAX];
    int saved = errno;
    path_of_fd(fd, name);
    if (is_below(name))
        note(what, inode_of(fd), number, name, "", "", 0);
    errno = saved;
}

static void note_names(const char *what, const char *one, const char *two) {
    int saved = errno;
    if (is_below(one) || is_below(two))
        note(what, inode_at(two[0] ? two : one), 0, one, two, "", 0);
    errno = saved;
}

static void note_data(int fd, long long offset, const void *data, size_t size) {
    char name[PATH_MAX];
    int saved = errno;
    path_of_fd(fd, name);
    if (is_below(name))
        note("write", inode_of(fd), offset, name, "", data, size);
    errno = saved;
}

/* Before the client can have it. */
static void note_said(int fd, const void *data, size_t size) {
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int saved = errno;
    if (traced() && getsockname(fd, (struct sockaddr *)&address, &length) == 0 && address.ss_family == AF_INET) {
        lock();
        note("said", 0, 0, "", "", data, size);
        unlock();
    }
    errno = saved;
}

#define NOTED(call, text)                        \
    do {                                         \
        if (!traced())                           \
            return call;                         \
        lock();                                  \
        __typeof__(call) outcome = call;         \
        if (outcome >= 0)                        \
            text;                                \
        int reason = errno;                      \
        unlock();    \
        errno = reason;                          \
        return outcome;                          \
    } while (0)

/* -- the calls ------------------------------------------------------------------------------------------------------------------------ */

static int open_and_note(int (*real)(int, const char *, int, ...), int directory, const char *path, int flags, mode_t mode, const char *name) {
    if (!traced() || !(flags & (O_CREAT | O_TRUNC)) || !is_below(name))
        return real(directory, path, flags, mode);
    lock();
    unsigned long long before = inode_at(name);
    int fd = real(directory, path, flags, mode), reason = errno;
    if (fd >= 0 && !before)
        note("create", inode_of(fd), mode, name, "", "", 0);
    if (fd >= 0 && before && (flags & O_TRUNC))
        note_fd("cut", fd, 0);
    unlock();
    errno = reason;
    return fd;
}

static int can_fail(int flags) {
    int full = control->error == ENOSPC || control->error == EDQUOT;
    return full ? flags & O_CREAT : control->error != EROFS || (flags & (O_CREAT | O_ACCMODE));
}

static int open_somehow(int directory, const char *path, int flags, mode_t mode) {
    char name[PATH_MAX];
    REAL(openat);
    absolute(directory, path, name);
    /* There is room for what is there already, and a file that is only read may be on a read-only disk. */
    if (can_fail(flags) && fails(OPEN, name))
        return -1;
    return open_and_note(real, directory, path, flags, mode, name);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    REAL(openat);
    return control ? open_somehow(AT_FDCWD, path, flags, mode) : real(AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    REAL(openat);
    return control ? open_somehow(directory, path, flags, mode) : real(directory, path, flags, mode);
}

DIR *opendir(const char *path) {
    char name[PATH_MAX];
    REAL(opendir);
    absolute(AT_FDCWD, path, name);
    return control && can_fail(O_RDONLY) && fails(OPEN, name) ? NULL : real(path);
}

ssize_t read(int fd, void *data, size_t size) {
    REAL(read);
    if (control && control->armed && fails_fd(READ, fd) && errno)
        return -1;
    return real(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    REAL(pread);
    if (control && control->armed && fails_fd(READ, fd) && errno)
        return -1;
    return real(fd, data, size, offset);
}

/* How much a write may write: all, less, or -1. */
static ssize_t allowed(int fd, size_t size) {
    if (!control || !control->armed || !fails_fd(WRITE, fd))
        return (ssize_t)size;
    return errno ? -1 : (ssize_t)(size > 1 ? size / 2 : size);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    ssize_t part = allowed(fd, size);
    if (part < 0)
        return -1;
    note_said(fd, data, (size_t)part);
    NOTED(real(fd, data, (size_t)part), note_data(fd, lseek(fd, 0, SEEK_CUR) - outcome, data, (size_t)outcome));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    for (int i = 0; i < count; i++)
        note_said(fd, parts[i].iov_base, parts[i].iov_len);
    return real(fd, parts, count);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(send);
    note_said(fd, data, size);
    return real(fd, data, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(sendmsg);
    for (size_t i = 0; i < message->msg_iovlen; i++)
        note_said(fd, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    return real(fd, message, flags);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    REAL(pwrite);
    ssize_t part = allowed(fd, size);
    if (part < 0)
        return -1;
    NOTED(real(fd, data, (size_t)part, offset), note_data(fd, offset, data, (size_t)outcome));
}

/* What went from file to file. */
static void note_copied(int fd, ssize_t size) {
    char link[64], data[65536];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    off_t end = lseek(fd, 0, SEEK_CUR);
    REAL(openat);
    int copy = real(AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    for (ssize_t done = 0, got; copy >= 0 && done < size; done += got) {
        size_t wanted = size - done < (ssize_t)sizeof(data) ? (size_t)(size - done) : sizeof(data);
        got = pread(copy, data, wanted, end - size + done);
        if (got <= 0)
            break;
        note_data(fd, end - size + done, data, (size_t)got);
    }
    if (copy >= 0)
        close(copy);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    REAL(sendfile);
    ssize_t part = allowed(to, size);
    if (part < 0)
        return -1;
    NOTED(real(to, from, offset, (size_t)part), note_copied(to, outcome));
}

int fsync(int fd) {
    REAL(fsync);
    if (fails_fd(FSYNC, fd) && errno)
        return -1;
    NOTED(real(fd), note_fd("fsync", fd, 0));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    if (fails_fd(FSYNC, fd) && errno)
        return -1;
    NOTED(real(fd), note_fd("fsync", fd, 0));
}

int syncfs(int fd) {
    REAL(syncfs);
    if (fails_fd(FSYNC, fd) && errno)
        return -1;
    NOTED(real(fd), note_fd("syncfs", fd, 0));
}

int rename(const char *from, const char *to) {
    char one[PATH_MAX], two[PATH_MAX];
    REAL(rename);
    absolute(AT_FDCWD, from, one);
    absolute(AT_FDCWD, to, two);
    if (fails(RENAME, two) && errno)
        return -1;
    NOTED(real(from, to), note_names("rename", one, two));
}

int link(const char *from, const char *to) {
    char one[PATH_MAX], two[PATH_MAX];
    REAL(link);
    absolute(AT_FDCWD, from, one);
    absolute(AT_FDCWD, to, two);
    if (fails(LINK, two) && errno)
        return -1;
    NOTED(real(from, to), note_names("link", one, two));
}

int linkat(int at, const char *from, int to_at, const char *to, int flags) {
    char one[PATH_MAX], two[PATH_MAX];
    REAL(linkat);
    absolute(at, from, one);
    absolute(to_at, to, two);
    if (fails(LINK, two) && errno)
        return -1;
    NOTED(real(at, from, to_at, to, flags), note_names("link", one, two));
}

int unlink(const char *path) {
    char name[PATH_MAX];
    REAL(unlink);
    absolute(AT_FDCWD, path, name);
    if (fails(UNLINK, name) && errno)
        return -1;
    NOTED(real(path), note_names("unlink", name, ""));
}

int mkdir(const char *path, mode_t mode) {
    char name[PATH_MAX];
    REAL(mkdir);
    absolute(AT_FDCWD, path, name);
    if (fails(MKDIR, name) && errno)
        return -1;
    NOTED(real(path, mode), note_names("mkdir", name, ""));
}

int close(int fd) {
    REAL(close);
    int failed = control && control->armed && fails_fd(CLOSE, fd) && errno;
    int reason = errno, outcome = real(fd);
    if (failed)
        errno = reason;
    return failed ? -1 : outcome;
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    if (fails_fd(FTRUNCATE, fd) && errno)
        return -1;
    NOTED(real(fd, size), note_fd("cut", fd, size));
}

int posix_fallocate(int fd, off_t offset, off_t size) {
    REAL(posix_fallocate);
    if (fails_fd(FTRUNCATE, fd) && errno)
        return errno;
    return real(fd, offset, size);
}

int fchmod(int fd, mode_t mode) {
    REAL(fchmod);
    if (fails_fd(FCHMOD, fd) && errno)
        return -1;
    NOTED(real(fd, mode), note_fd("mode", fd, mode));
}

int futimens(int fd, const struct timespec times[2]) {
    REAL(futimens);
    if (fails_fd(FUTIMENS, fd) && errno)
        return -1;
    return real(fd, times);
}

int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
    char name[PATH_MAX];
    REAL(utimensat);
    absolute(directory, path, name);
    if (fails(FUTIMENS, name) && errno)
        return -1;
    return real(directory, path, times, flags);
}
