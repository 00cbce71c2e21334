#include "lib/store/maildir_name.h"

#include <algorithm>
#include <array>
#include <atomic>

#include <sys/time.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/maildir_delivery.h"

namespace relais {

namespace {

constexpr std::string_view kInfo = ":2,";

struct FlagLetter {
    char letter;
    std::uint8_t bit;
};

constexpr std::array<FlagLetter, 5> kLetters = {{{'D', MessageFlags::kDraft},
                                                 {'F', MessageFlags::kFlagged},
                                                 {'R', MessageFlags::kAnswered},
                                                 {'S', MessageFlags::kSeen},
                                                 {'T', MessageFlags::kDeleted}}};

std::uint8_t bit_of(char letter) {
    for (const FlagLetter& entry : kLetters) {
        if (entry.letter == letter) {
            return entry.bit;
        }
    }
    return 0;
}

bool is_keyword_letter(char c) {
    return c >= 'a' && c <= 'z';
}

// The letters after ":2,", up to a comma that begins somebody else's extension.
std::string_view flag_letters(std::string_view name) {
    auto info = name.rfind(kInfo);
    if (info == std::string_view::npos) {
        return {};
    }
    std::string_view letters = name.substr(info + kInfo.size());
    return letters.substr(0, letters.find(','));
}

std::uint64_t leading_number(std::string_view text) {
    std::uint64_t value = 0;
    for (char c : text.substr(0, 18)) {
        if (!is_digit(c)) {
            break;
        }
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

}  // namespace

std::string_view maildir_base(std::string_view name) {
    return name.substr(0, name.find(':'));
}

MessageFlags parse_maildir_flags(std::string_view name) {
    MessageFlags flags;
    for (char c : flag_letters(name)) {
        flags.system |= bit_of(c);
        if (is_keyword_letter(c)) {
            flags.keywords |= 1U << (c - 'a');
        }
    }
    return flags;
}

std::string with_maildir_flags(std::string_view name, MessageFlags flags) {
    std::string_view old = flag_letters(name);
    std::string letters;
    for (char c : old) {
        if (bit_of(c) == 0 && !is_keyword_letter(c)) {
            letters += c;
        }
    }
    for (const FlagLetter& entry : kLetters) {
        if ((flags.system & entry.bit) != 0) {
            letters += entry.letter;
        }
    }
    for (int i = 0; i < kMaxKeywords; ++i) {
        if ((flags.keywords >> i & 1) != 0) {
            letters += static_cast<char>('a' + i);
        }
    }
    std::ranges::sort(letters);
    std::string out(maildir_base(name));
    out += kInfo;
    out += letters;
    if (old.data() != nullptr) {
        out += name.substr(static_cast<std::size_t>(old.data() + old.size() - name.data()));
    }
    return out;
}

std::optional<std::uint64_t> maildir_size(std::string_view base, char which) {
    std::array<char, 3> mark = {',', which, '='};
    auto at = base.find(std::string_view(mark.data(), mark.size()));
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view digits = base.substr(at + mark.size());
    digits = digits.substr(0, digits.find_first_not_of("0123456789"));
    auto next = base.substr(at + mark.size() + digits.size());
    bool ends = next.empty() || next[0] == ',' || next[0] == ':';
    return ends ? parse_uint(digits) : std::nullopt;
}

bool maildir_name_before(std::string_view a, std::string_view b) {
    std::uint64_t first = leading_number(a);
    std::uint64_t second = leading_number(b);
    return first != second ? first < second : a < b;
}

std::string make_maildir_base(std::string_view host) {
    static std::atomic<unsigned> counter{0};
    timeval now;
    ::gettimeofday(&now, nullptr);
    return format("{}.M{}P{}Q{}.{}", now.tv_sec, now.tv_usec, ::getpid(), counter++,
                  maildir_host(host));
}

}  // namespace relais
