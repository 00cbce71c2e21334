#include "lib/store/dbox_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/compressed_message.h"
#include "lib/store/message_text.h"

namespace relais {

namespace {

constexpr std::uint64_t kMaxFirstLine = 512;
constexpr std::uint64_t kMaxMetadata = std::uint64_t{64} << 10;
constexpr std::uint64_t kSizeAt = 13;  // in a message's header
constexpr std::uint64_t kSizeDigits = 16;

std::optional<std::uint64_t> parse_hex(std::string_view text) {
    std::uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    bool all = error == std::errc() && end == text.data() + text.size();
    return all ? std::optional(value) : std::nullopt;
}

std::unexpected<Error> corrupt(const std::string& path, std::string_view what) {
    return fail(Errc::kCorrupt, path + ": " + std::string(what));
}

struct FileHeader {
    std::uint64_t size = 0;
    std::uint64_t message_header = 0;
};

std::optional<FileHeader> parse_file_header(std::string_view text) {
    auto end = text.find('\n');
    if (end == std::string_view::npos || !text.starts_with("2 ")) {
        return std::nullopt;
    }
    for (std::string_view word : split_words(text.substr(2, end - 2))) {
        auto size = word.front() == 'M' ? parse_hex(word.substr(1)) : std::nullopt;
        if (size && *size >= kSizeAt + kSizeDigits && *size < kMaxFirstLine) {
            return FileHeader{end + 1, *size};
        }
    }
    return std::nullopt;
}

void take_metadata(DboxMessage& message, std::string_view line) {
    std::string_view value = line.substr(1);
    switch (line.front()) {
        case 'R':
            message.received = static_cast<std::int64_t>(parse_hex(value).value_or(0));
            break;
        case 'G':
            message.guid = value;
            break;
        case 'P':
            message.pop3_uidl = value;
            break;
        case 'O':
            message.pop3_order = value;
            break;
        default:
            break;
    }
}

bool read_metadata(DboxMessage& message, std::string_view text) {
    constexpr std::string_view kMagic = "\n\001\003\n";
    if (!text.starts_with(kMagic)) {
        return false;
    }
    for (std::string_view line : split_fields(text.substr(kMagic.size()), '\n')) {
        if (line.empty()) {
            break;
        }
        take_metadata(message, line);
    }
    return true;
}

}  // namespace

Result<DboxMessage> read_dbox_message(const std::string& path, std::uint64_t offset,
                                      DboxText text) {
    auto fd = open_file(path, O_RDONLY);
    struct stat status;
    if (!fd || ::fstat(fd->get(), &status) < 0) {
        bool none = !fd && fd.error().sys_errno == ENOENT;
        return none ? std::unexpected(Error{Errc::kNotFound, "no " + path, ENOENT})
                    : fail_errno("open " + path);
    }
    auto first = read_message_text(fd->get(), 0, kMaxFirstLine);
    auto file = first ? parse_file_header(*first) : std::nullopt;
    if (!file) {
        return corrupt(path, "no dbox file");
    }
    const std::uint64_t at = offset == 0 ? file->size : offset;
    const auto end = static_cast<std::uint64_t>(status.st_size);
    if (at > end || end - at < file->message_header) {
        return corrupt(path, "no message where the index says");
    }
    auto header = read_message_text(fd->get(), at, at + file->message_header);
    auto size = header && header->starts_with("\001\002N")
                    ? parse_hex(std::string_view(*header).substr(kSizeAt, kSizeDigits))
                    : std::nullopt;
    const std::uint64_t begin = at + file->message_header;
    if (!size || *size > end - begin) {
        return corrupt(path, "no message where the index says");
    }
    DboxMessage message;
    message.saved = status.st_mtim.tv_sec;
    auto metadata =
        read_message_text(fd->get(), begin + *size, std::min(begin + *size + kMaxMetadata, end));
    if (!metadata || !read_metadata(message, *metadata)) {
        return corrupt(path, "a message without metadata");
    }
    if (text == DboxText::kRead) {
        auto content = read_message_text(fd->get(), begin, begin + *size);
        auto plain = content ? plain_message(std::move(*content), path) : fail_with(content);
        if (!plain) {
            return fail_with(plain);
        }
        message.text = std::move(*plain);
    }
    return message;
}

}  // namespace relais
