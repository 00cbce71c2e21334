#include "lib/access/message_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

// A message lies in memory while it is looked at.
constexpr std::uint64_t kMaxMessage = std::uint64_t{1} << 30;

Error gone() {
    return {Errc::kNotFound, "the message is gone", ENOENT};
}

// What the file has now, where it has become shorter.
Result<std::string> read_text(int fd, std::size_t size) {
    std::string text;
    int trouble = 0;
    // What is handed in may be more than was asked for (libstdc++ 12).
    text.resize_and_overwrite(size, [fd, size, &trouble](char* data, std::size_t) {
        std::size_t had = 0;
        while (had < size) {
            ssize_t got = ::read(fd, data + had, size - had);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0) {
                trouble = got < 0 ? errno : 0;
                break;
            }
            had += static_cast<std::size_t>(got);
        }
        return had;
    });
    if (trouble != 0) {
        return fail_errno("read a message", trouble);
    }
    return text;
}

}  // namespace

Result<MessageFile> MessageFile::open(Mailbox& box, const MailMessage& message) {
    auto directory = box.directory_fd();
    if (!directory) {
        return fail_with(directory);
    }
    return open(*directory, box.relative_path(message));
}

Result<MessageFile> MessageFile::open(int directory, const std::string& path) {
    auto fd = open_at(directory, path, O_RDONLY);
    if (!fd) {
        return fd.error().sys_errno == ENOENT ? std::unexpected(gone()) : fail_with(fd);
    }
    struct stat status;
    if (::fstat(fd->get(), &status) < 0 || !S_ISREG(status.st_mode)) {
        return fail(Errc::kCorrupt, "not a message file");
    }
    auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > kMaxMessage) {
        return fail(Errc::kTooLarge, "the message is too large");
    }
    auto text = read_text(fd->get(), static_cast<std::size_t>(size));
    if (!text) {
        return fail_with(text);
    }
    MessageFile file;
    file.received_ = status.st_mtim.tv_sec;
    file.text_ = std::move(*text);
    return file;
}

}  // namespace relais
