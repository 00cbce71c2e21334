#include "lib/queue/queue_id.h"

#include <algorithm>
#include <charconv>

#include <time.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kAlphabet = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
constexpr unsigned kTimeBase = 52;
constexpr unsigned kInodeBase = 51;  // all but the separator
constexpr char kSeparator = 'z';
constexpr std::size_t kSecondsWidth = 6;
constexpr std::size_t kMicrosecondsWidth = 4;
constexpr std::size_t kShortTimeWidth = 5;
constexpr std::uint64_t kMicrosecondsInSecond = 1000000;

std::string to_base(std::uint64_t number, unsigned base, std::size_t width) {
    std::string digits;
    do {
        digits += kAlphabet[number % base];
        number /= base;
    } while (number != 0);
    while (digits.size() < width) {
        digits += kAlphabet.front();
    }
    std::ranges::reverse(digits);
    return digits;
}

std::optional<std::uint64_t> from_base(std::string_view digits, unsigned base) {
    std::uint64_t number = 0;
    if (digits.empty()) {
        return std::nullopt;
    }
    for (char c : digits) {
        auto digit = kAlphabet.find(c);
        if (digit >= base || number > (UINT64_MAX - digit) / base) {
            return std::nullopt;
        }
        number = number * base + digit;
    }
    return number;
}

std::optional<std::uint64_t> from_hex(std::string_view digits) {
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
        return std::nullopt;
    }
    return number;
}

}  // namespace

QueueTime queue_time_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return {now.tv_sec, now.tv_nsec / 1000};
}

std::string make_queue_id(QueueIdForm form, QueueTime time, std::uint64_t inode) {
    auto usec = static_cast<std::uint64_t>(time.microseconds);
    if (form == QueueIdForm::kShort) {
        return format("{:05X}{:X}", usec, inode);
    }
    return to_base(static_cast<std::uint64_t>(time.seconds), kTimeBase, kSecondsWidth) +
           to_base(usec, kTimeBase, kMicrosecondsWidth) + kSeparator +
           to_base(inode, kInodeBase, 1);
}

bool valid_queue_id(std::string_view id) {
    return !id.empty() && id.size() <= 255 &&
           std::ranges::all_of(id, [](char c) { return is_alnum(c) || c == '_'; });
}

bool valid_queue_name(std::string_view name) {
    return !name.empty() && name.size() <= 100 && std::ranges::all_of(name, is_alnum);
}

bool is_long_queue_id(std::string_view id) {
    auto separator = id.rfind(kSeparator);
    return separator != std::string_view::npos && separator >= kSecondsWidth + kMicrosecondsWidth;
}

std::optional<std::uint64_t> queue_id_inode(std::string_view id) {
    if (is_long_queue_id(id)) {
        return from_base(id.substr(id.rfind(kSeparator) + 1), kInodeBase);
    }
    if (id.size() <= kShortTimeWidth) {
        return std::nullopt;
    }
    return from_hex(id.substr(kShortTimeWidth));
}

std::optional<std::string> queue_id_hex_microseconds(std::string_view id) {
    if (!is_long_queue_id(id)) {
        if (id.size() <= kShortTimeWidth) {
            return std::nullopt;
        }
        return std::string(id.substr(0, kShortTimeWidth));
    }
    auto digits = id.substr(id.rfind(kSeparator) - kMicrosecondsWidth, kMicrosecondsWidth);
    auto usec = from_base(digits, kTimeBase);
    if (!usec || *usec >= kMicrosecondsInSecond) {
        return std::nullopt;
    }
    return format("{:05X}", *usec);
}

std::optional<std::string> queue_id_with_inode(std::string_view id, QueueIdForm form,
                                               std::uint64_t inode) {
    if (is_long_queue_id(id) && form == QueueIdForm::kLong) {
        return std::string(id.substr(0, id.rfind(kSeparator) + 1)) + to_base(inode, kInodeBase, 1);
    }
    auto time = queue_id_hex_microseconds(id);
    if (!time) {
        return std::nullopt;
    }
    return *time + format("{:X}", inode);
}

}  // namespace relais
