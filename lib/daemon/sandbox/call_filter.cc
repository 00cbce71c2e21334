#include "lib/daemon/sandbox/call_filter.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <map>

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace relais {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kProcessor = 0;
#endif

constexpr std::uint32_t kNotThere = SECCOMP_RET_ERRNO | ENOSYS;
constexpr unsigned kHalf = 32;
constexpr std::uint64_t kLowHalf = 0xffffffffU;
constexpr std::size_t kWord = 4;

// Both processors have the lower half of a 64 bit value first.
constexpr std::uint32_t lower_half_at(std::size_t offset) {
    return static_cast<std::uint32_t>(offset);
}

// What happens with numbers from one on, until the next.
struct Verdict {
    std::uint32_t action = SECCOMP_RET_TRAP;
    std::vector<CheckedCall> checks{};  // where there are any: these decide

    bool operator==(const Verdict& other) const {
        return action == other.action && checks.empty() && other.checks.empty();
    }
};

using Ranges = std::vector<std::pair<int, Verdict>>;

class Program {
  public:
    std::vector<sock_filter> take() { return std::move(code_); }

    void load(std::size_t offset) {
        put(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
    }

    void end_with(std::uint32_t action) { put(BPF_RET | BPF_K, action); }

    void put(unsigned code, std::uint32_t value, std::size_t if_true = 0,
             std::size_t if_false = 0) {
        code_.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(if_true),
                         static_cast<std::uint8_t>(if_false), value});
    }

    void append(std::vector<sock_filter> code) {
        code_.insert(code_.end(), code.begin(), code.end());
    }

    std::size_t size() const { return code_.size(); }

  private:
    std::vector<sock_filter> code_;
};

// Passes where all tests do, else goes on behind this.
std::vector<sock_filter> alternative(const CheckedCall& call) {
    constexpr std::size_t kInstructions = 3;
    const auto tests = static_cast<std::size_t>(
        std::ranges::count_if(call.tests, [](const auto& test) { return test.mask != 0; }));
    Program program;
    std::size_t left = tests;
    for (const ArgumentTest& test : call.tests) {
        if (test.mask == 0) {
            continue;
        }
        --left;
        program.load(
            lower_half_at(offsetof(seccomp_data, args) + test.argument * sizeof(std::uint64_t)));
        program.put(BPF_ALU | BPF_AND | BPF_K, test.mask);
        program.put(BPF_JMP | BPF_JEQ | BPF_K, test.value, 0, left * kInstructions + 1);
    }
    program.end_with(SECCOMP_RET_ALLOW);
    return program.take();
}

std::vector<sock_filter> decide(const Verdict& verdict) {
    Program program;
    for (const CheckedCall& call : verdict.checks) {
        program.append(alternative(call));
    }
    program.end_with(verdict.action);
    return program.take();
}

// The number is loaded; arguments are looked at where that is over.
std::vector<sock_filter> bisect(std::span<const std::pair<int, Verdict>> ranges) {
    if (ranges.size() == 1) {
        return decide(ranges.front().second);
    }
    const std::size_t middle = ranges.size() / 2;
    auto low = bisect(ranges.first(middle));
    Program program;
    program.put(BPF_JMP | BPF_JGE | BPF_K, static_cast<std::uint32_t>(ranges[middle].first), 0, 1);
    program.put(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(low.size()));
    program.append(std::move(low));
    program.append(bisect(ranges.subspan(middle)));
    return program.take();
}

Ranges ranges_of(const AllowedCalls& allowed) {
    std::map<int, Verdict> verdicts;
    for (const SystemCall& call : calls_done_without()) {
        verdicts[call.number].action = kNotThere;
    }
    for (const int number : allowed.numbers) {
        verdicts[number].action = SECCOMP_RET_ALLOW;
    }
    for (const int number : allowed.trapped) {
        verdicts[number].action = SECCOMP_RET_TRAP;
    }
    for (const CheckedCall& call : allowed.checked) {
        verdicts[call.number].checks.push_back(call);
    }
    Ranges ranges;
    const auto add = [&ranges](int from, Verdict verdict) {
        if (ranges.empty() || !(ranges.back().second == verdict)) {
            ranges.emplace_back(from, std::move(verdict));
        }
    };
    int next = 0;
    for (auto& [number, verdict] : verdicts) {
        if (number > next || ranges.empty()) {
            add(next, {});
        }
        add(number, std::move(verdict));
        next = number + 1;
    }
    add(next, {});
    add(kFirstUnknownCall, {.action = kNotThere});
    return ranges;
}

// Goes on to what follows unless the call comes from just before that instruction.
void let_pass(Program& program, std::uint64_t passes) {
    constexpr std::size_t kAt = offsetof(seccomp_data, instruction_pointer);
    program.load(kAt);
    program.put(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(passes & kLowHalf), 0, 3);
    program.load(kAt + kWord);
    program.put(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(passes >> kHalf), 0, 1);
    program.end_with(SECCOMP_RET_ALLOW);
}

}  // namespace

bool call_filter_known() {
    return kProcessor != 0;
}

std::vector<sock_filter> make_call_filter(AllowedCalls allowed, std::uint64_t passes) {
    Program program;
    if (passes != 0) {
        let_pass(program, passes);
    }
    program.load(offsetof(seccomp_data, arch));
    program.put(BPF_JMP | BPF_JEQ | BPF_K, kProcessor, 1, 0);
    program.end_with(SECCOMP_RET_TRAP);
    program.load(offsetof(seccomp_data, nr));
    program.append(bisect(ranges_of(allowed)));
    return program.take();
}

Result<void> install_call_filter(std::vector<sock_filter> program) {
    const sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
    // Without SPEC_ALLOW older kernels would make the whole process slower.
    constexpr unsigned kFlags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, kFlags, &code) != 0) {
        return fail_errno("seccomp");
    }
    return {};
}

}  // namespace relais
