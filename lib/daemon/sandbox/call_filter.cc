#include "lib/daemon/sandbox/call_filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace relais {

namespace {

#if !RELAIS_FILTERS_CALLS
constexpr std::uint32_t kProcessor = 0;
#elif defined(__x86_64__)
constexpr std::uint32_t kProcessor = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kProcessor = AUDIT_ARCH_AARCH64;
#endif

constexpr std::uint32_t kNotThere = SECCOMP_RET_ERRNO | ENOSYS;
constexpr unsigned kHalf = 32;
constexpr std::uint64_t kLowHalf = 0xffffffffU;
constexpr std::size_t kWord = 4;

// What happens with a number.
enum class Verdict : std::uint8_t { kRefused, kNotThere, kPasses, kLookedAt };

// From a number on, until the next.
struct Range {
    std::uint32_t from;
    Verdict verdict;
};

class Program {
  public:
    explicit Program(std::span<const CheckedCall> checks) : checks_(checks) {
        code_.reserve(kUsual);
    }

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

    // The number is loaded; arguments are looked at where that is over.
    void bisect(std::span<const Range> ranges) {
        if (ranges.size() == 1) {
            decide(ranges.front());
            return;
        }
        const std::size_t middle = ranges.size() / 2;
        put(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].from, 0, 1);
        const std::size_t jump = code_.size();
        put(BPF_JMP | BPF_JA, 0);
        bisect(ranges.first(middle));
        code_[jump].k = static_cast<std::uint32_t>(code_.size() - jump - 1);
        bisect(ranges.subspan(middle));
    }

  private:
    static constexpr std::size_t kUsual = 512;

    void decide(const Range& range) {
        switch (range.verdict) {
            case Verdict::kPasses:
                end_with(SECCOMP_RET_ALLOW);
                return;
            case Verdict::kNotThere:
                end_with(kNotThere);
                return;
            case Verdict::kLookedAt:
                for (const CheckedCall& call : checks_) {
                    if (static_cast<std::uint32_t>(call.number) == range.from) {
                        pass_if(call);
                    }
                }
                break;
            case Verdict::kRefused:
                break;
        }
        end_with(SECCOMP_RET_TRAP);
    }

    // Passes where all tests do, else goes on behind this.
    void pass_if(const CheckedCall& call) {
        constexpr std::size_t kInstructions = 3;
        auto left = static_cast<std::size_t>(
            std::ranges::count_if(call.tests, [](const auto& test) { return test.mask != 0; }));
        for (const ArgumentTest& test : call.tests) {
            if (test.mask == 0) {
                continue;
            }
            --left;
            // Both processors have the lower half of a value first.
            load(offsetof(seccomp_data, args) + test.argument * sizeof(std::uint64_t));
            put(BPF_ALU | BPF_AND | BPF_K, test.mask);
            put(BPF_JMP | BPF_JEQ | BPF_K, test.value, 0, left * kInstructions + 1);
        }
        end_with(SECCOMP_RET_ALLOW);
    }

    std::span<const CheckedCall> checks_;
    std::vector<sock_filter> code_;
};

std::vector<Range> ranges_of(const AllowedCalls& allowed) {
    std::array<Verdict, kFirstUnknownCall> verdicts{};
    const auto set = [&verdicts](int number, Verdict verdict) {
        verdicts.at(static_cast<std::size_t>(number)) = verdict;
    };
    for (const SystemCall& call : calls_done_without()) {
        set(call.number, Verdict::kNotThere);
    }
    for (const int number : allowed.numbers) {
        set(number, Verdict::kPasses);
    }
    for (const int number : allowed.trapped) {
        set(number, Verdict::kRefused);
    }
    for (const CheckedCall& call : allowed.checked) {
        set(call.number, Verdict::kLookedAt);
    }
    std::vector<Range> ranges;
    for (std::uint32_t number = 0; number < verdicts.size(); ++number) {
        const Verdict verdict = verdicts[number];
        if (ranges.empty() || verdict != ranges.back().verdict || verdict == Verdict::kLookedAt) {
            ranges.push_back({number, verdict});
        }
    }
    ranges.push_back({kFirstUnknownCall, Verdict::kNotThere});
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

std::vector<sock_filter> make_call_filter(const AllowedCalls& allowed, std::uint64_t passes) {
    Program program(allowed.checked);
    if (passes != 0) {
        let_pass(program, passes);
    }
    program.load(offsetof(seccomp_data, arch));
    program.put(BPF_JMP | BPF_JEQ | BPF_K, kProcessor, 1, 0);
    program.end_with(SECCOMP_RET_TRAP);
    program.load(offsetof(seccomp_data, nr));
    program.bisect(ranges_of(allowed));
    return program.take();
}

Result<void> install_call_filter(std::vector<sock_filter> program) {
    const sock_fprog code{static_cast<unsigned short>(program.size()), program.data()};
    // Without SPEC_ALLOW kernels before 5.16 make the whole process slower; those before 4.17 do
    // not know it.
    constexpr unsigned kUsual = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    for (const unsigned flags : {kUsual, unsigned{SECCOMP_FILTER_FLAG_TSYNC}}) {
        if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &code) == 0) {
            return {};
        }
        if (errno != EINVAL) {
            break;
        }
    }
    return fail_errno("seccomp");
}

}  // namespace relais
