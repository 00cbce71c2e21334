#include "lib/daemon/sandbox/refused_calls.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/base/fixed_text.h"
#include "lib/base/log_urgent.h"
#include "lib/daemon/sandbox/system_calls.h"

// Makes the call of which the number and the six arguments are given, in one place alone: where it
// ends, the filter of log mode knows it by.
extern "C" long relais_pass_call(const long* number_and_arguments);
extern "C" const char relais_passed_call;

#if RELAIS_FILTERS_CALLS && defined(__x86_64__)
asm(R"(
    .text
    .globl relais_pass_call, relais_passed_call
    .type relais_pass_call, @function
relais_pass_call:
    movq 0(%rdi), %rax
    movq 16(%rdi), %rsi
    movq 24(%rdi), %rdx
    movq 32(%rdi), %r10
    movq 40(%rdi), %r8
    movq 48(%rdi), %r9
    movq 8(%rdi), %rdi
    syscall
relais_passed_call:
    ret
    .size relais_pass_call, . - relais_pass_call
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl relais_pass_call, relais_passed_call
    .type relais_pass_call, %function
relais_pass_call:
    mov x9, x0
    ldr x8, [x9]
    ldp x0, x1, [x9, 8]
    ldp x2, x3, [x9, 24]
    ldp x4, x5, [x9, 40]
    svc #0
relais_passed_call:
    ret
    .size relais_pass_call, . - relais_pass_call
)");
#else  // no filter is made for such a processor (call_filter_known()), and nobody comes here
extern "C" const char relais_passed_call = 0;

extern "C" long relais_pass_call(const long* /*number_and_arguments*/) {
    return -ENOSYS;
}
#endif

namespace relais {

namespace {

constexpr int kMostLines = 50;  // of a process: an endless loop must not fill the log

struct Call {
    long number = 0;
    std::array<long, 6> arguments{};
};

// What the handler knows.  There is one for a process, and nothing is passed to it.
struct Knowledge {
    Refusal refusal = Refusal::kFails;
    FileAndPortRules rules;
    std::atomic<int> lines = 0;
};

Knowledge& knowledge() {
    static Knowledge known;
    return known;
}

#if RELAIS_FILTERS_CALLS && defined(__x86_64__)

Call call_of(const ucontext_t& context) {
    const auto& r = context.uc_mcontext.gregs;
    return {static_cast<long>(r[REG_RAX]),
            {static_cast<long>(r[REG_RDI]), static_cast<long>(r[REG_RSI]),
             static_cast<long>(r[REG_RDX]), static_cast<long>(r[REG_R10]),
             static_cast<long>(r[REG_R8]), static_cast<long>(r[REG_R9])}};
}

void answer(ucontext_t& context, long result) {
    context.uc_mcontext.gregs[REG_RAX] = result;
}

#elif defined(__aarch64__)

Call call_of(const ucontext_t& context) {
    const auto& r = context.uc_mcontext.regs;
    return {static_cast<long>(r[8]),
            {static_cast<long>(r[0]), static_cast<long>(r[1]), static_cast<long>(r[2]),
             static_cast<long>(r[3]), static_cast<long>(r[4]), static_cast<long>(r[5])}};
}

void answer(ucontext_t& context, long result) {
    context.uc_mcontext.regs[0] = static_cast<unsigned long long>(result);
}

#else

Call call_of(const ucontext_t& /*context*/) {
    return {};
}

void answer(ucontext_t& /*context*/, long /*result*/) {
}

#endif

long pass(const Call& call) {
    std::array<long, 7> all{call.number};
    std::ranges::copy(call.arguments, all.begin() + 1);
    return relais_pass_call(all.data());
}

using Line = FixedText<400>;

// Where a call has the path that it works on, and what it wants there.
struct PathCall {
    int number;
    int directory;  // the argument with the descriptor that a relative path begins at; -1: none
    unsigned path;
    int flags;  // the argument with the flags of open(2); -1: `wants` is it
    Access wants;
};

constexpr PathCall kPathCalls[] = {
    {SYS_openat, 0, 1, 2, Access::kRead},      {SYS_mkdirat, 0, 1, -1, Access::kChange},
    {SYS_unlinkat, 0, 1, -1, Access::kChange}, {SYS_renameat2, 2, 3, -1, Access::kChange},
    {SYS_linkat, 2, 3, -1, Access::kChange},   {SYS_symlinkat, 1, 2, -1, Access::kChange},
    {SYS_truncate, -1, 0, -1, Access::kWrite},
#ifdef SYS_open
    {SYS_open, -1, 0, 1, Access::kRead},       {SYS_creat, -1, 0, -1, Access::kChange},
    {SYS_mkdir, -1, 0, -1, Access::kChange},   {SYS_unlink, -1, 0, -1, Access::kChange},
    {SYS_rmdir, -1, 0, -1, Access::kChange},   {SYS_rename, -1, 1, -1, Access::kChange},
    {SYS_renameat, 2, 3, -1, Access::kChange}, {SYS_link, -1, 1, -1, Access::kChange},
    {SYS_symlink, -1, 1, -1, Access::kChange},
#endif
};

const PathCall* path_call(long number) {
    const auto* it = std::ranges::find(kPathCalls, number, &PathCall::number);
    return it == std::end(kPathCalls) ? nullptr : it;
}

template <class Value>
const Value* pointer_in(const Call& call, unsigned argument) {
    return std::bit_cast<const Value*>(call.arguments.at(argument));
}

std::string_view path_in(const Call& call, unsigned argument) {
    const auto* path = pointer_in<char>(call, argument);
    return path == nullptr ? std::string_view() : std::string_view(path);
}

Access wanted(const PathCall& kind, const Call& call) {
    if (kind.flags < 0) {
        return kind.wants;
    }
    const long flags = call.arguments[static_cast<unsigned>(kind.flags)];
    if ((flags & O_PATH) == O_PATH) {
        return Access::kRead;
    }
    if ((flags & O_CREAT) != 0) {
        return Access::kChange;
    }
    return (flags & O_ACCMODE) == O_RDONLY ? Access::kRead : Access::kWrite;
}

// Without "." and "..", from the root on.  What leads through a link is taken by its name.
class WholePath {
  public:
    void walk(std::string_view path) {
        while (!path.empty()) {
            const std::size_t slash = std::min(path.find('/'), path.size());
            step(path.substr(0, slash));
            path.remove_prefix(std::min(slash + 1, path.size()));
        }
    }

    std::string_view view() const {
        return size_ == 0 ? "/" : std::string_view(bytes_.data(), size_);
    }

  private:
    void step(std::string_view name) {
        if (name.empty() || name == ".") {
            return;
        }
        if (name == "..") {
            size_ = std::string_view(bytes_.data(), size_).rfind('/');
            size_ = size_ == std::string_view::npos ? 0 : size_;
            return;
        }
        if (size_ + 1 + name.size() <= bytes_.size()) {
            bytes_[size_++] = '/';
            name.copy(bytes_.data() + size_, name.size());
            size_ += name.size();
        }
    }

    std::array<char, 1024> bytes_{};
    std::size_t size_ = 0;
};

// False where the directory cannot be told.
bool begin_at(WholePath& whole, const Call& call, const PathCall& kind) {
    std::array<char, 512> directory{};
    const long at =
        kind.directory < 0 ? AT_FDCWD : call.arguments[static_cast<unsigned>(kind.directory)];
    Call ask;
    if (static_cast<int>(at) == AT_FDCWD) {
        ask = {SYS_getcwd,
               {reinterpret_cast<long>(directory.data()), static_cast<long>(directory.size() - 1)}};
    } else {
        FixedText<64> link;
        link << "/proc/self/fd/";
        link.number(at) << std::string_view("\0", 1);
        ask = {SYS_readlinkat,
               {AT_FDCWD, reinterpret_cast<long>(link.view().data()),
                reinterpret_cast<long>(directory.data()), static_cast<long>(directory.size() - 1)}};
    }
    if (pass(ask) <= 0) {
        return false;
    }
    whole.walk(directory.data());
    return true;
}

bool lies_in(std::string_view path, std::string_view place) {
    return path.starts_with(place) &&
           (place.ends_with('/') || path.size() == place.size() || path[place.size()] == '/');
}

bool is_allowed(std::string_view path, Access access) {
    return std::ranges::any_of(knowledge().rules.places, [&](const KnownPlace& place) {
        return place.access >= access && lies_in(path, place.path);
    });
}

// Whether Landlock would let it pass; else the line says where it leads.
bool passes_by_path(const PathCall& kind, const Call& call, Line& line) {
    const std::string_view path = path_in(call, kind.path);
    const Access access = wanted(kind, call);
    WholePath whole;
    if (!path.starts_with('/') && !begin_at(whole, call, kind)) {
        return true;
    }
    whole.walk(path);
    if (is_allowed(whole.view(), access)) {
        return true;
    }
    line << "(\"" << whole.view() << "\") to " << (access == Access::kRead ? "read" : "write");
    return false;
}

bool passes_by_port(const Call& call, Line& line) {
    const auto& rules = knowledge().rules;
    const auto* address = pointer_in<sockaddr>(call, 1);
    if (address == nullptr || rules.all_ports ||
        (address->sa_family != AF_INET && address->sa_family != AF_INET6)) {
        return true;
    }
    int type = 0;
    socklen_t size = sizeof type;
    pass({SYS_getsockopt,
          {call.arguments[0], SOL_SOCKET, SO_TYPE, reinterpret_cast<long>(&type),
           reinterpret_cast<long>(&size)}});
    // Both families have the port at the same place.
    const auto port = ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
    if (type != SOCK_STREAM || std::ranges::find(rules.ports, port) != rules.ports.end()) {
        return true;
    }
    line << " to TCP port ";
    line.number(port);
    return false;
}

void describe(const Call& call, Line& line) {
    if (call.number == SYS_execve) {
        line << "(\"" << path_in(call, 0) << "\")";
    } else if (call.number == SYS_socket) {
        line << " of family ";
        line.number(call.arguments[0]);
    } else if (call.number == SYS_prctl || call.number == SYS_ioctl) {
        line << " ";
        line.number(call.arguments[call.number == SYS_prctl ? 0 : 1]);
    }
}

// False: there is nothing to tell.
bool tell(const Call& call, Line& line) {
    const std::string_view name = system_call_name(static_cast<int>(call.number));
    if (name.empty()) {
        line << "system call ";
        line.number(call.number);
        return true;
    }
    line << name;
    if (const PathCall* kind = path_call(call.number)) {
        if (knowledge().refusal == Refusal::kIsOnlyLogged) {
            return !passes_by_path(*kind, call, line);
        }
        line << "(\"" << path_in(call, kind->path) << "\")";
        return true;
    }
    if (call.number == SYS_connect) {
        return !passes_by_port(call, line);
    }
    describe(call, line);
    return true;
}

void log_refusal(const Call& call, std::string_view how) {
    Line line;
    line << "sandbox: " << how << " ";
    if (tell(call, line) && knowledge().lines.fetch_add(1) < kMostLines) {
        log_urgent(line.view());
    }
}

long refuse(const Call& call) {
    log_refusal(call, "refused");
    return -EPERM;
}

// What is there already cannot be made, and what is not there cannot be read: the kernel says so
// before it asks Landlock.
long only_log(const Call& call) {
    if (path_call(call.number) == nullptr) {
        log_refusal(call, "would refuse");
        return pass(call);
    }
    const long result = pass(call);
    if (result >= 0) {
        log_refusal(call, "would refuse");
    }
    return result;
}

// Whoever may end the process may also send it this signal, by hand: that says nothing.
void on_refused_call(int /*signal*/, siginfo_t* info, void* context) {
    constexpr int kByFilter = 1;  // SYS_SECCOMP, which not every C library's headers know
    if (info->si_code != kByFilter) {
        return;
    }
    const int error = errno;
    auto& state = *static_cast<ucontext_t*>(context);
    const Call call = call_of(state);
    answer(state, knowledge().refusal == Refusal::kFails ? refuse(call) : only_log(call));
    errno = error;
}

}  // namespace

std::vector<int> calls_with_places() {
    std::vector<int> numbers = {SYS_connect};
    for (const PathCall& call : kPathCalls) {
        numbers.push_back(call.number);
    }
    return numbers;
}

std::uint64_t passing_instruction() {
    return reinterpret_cast<std::uint64_t>(&relais_passed_call);
}

void handle_refused_calls(Refusal refusal, FileAndPortRules rules) {
    knowledge().refusal = refusal;
    knowledge().rules = std::move(rules);
    struct sigaction action{};
    action.sa_sigaction = on_refused_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
    ::sigaction(SIGSYS, &action, nullptr);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGSYS);
    ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace relais
