#include "imapd/lmtpd/message.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais::lmtpd {

namespace {

constexpr std::size_t kBuffer = 65536;
constexpr std::int64_t kInMemory = 1048576;
constexpr std::size_t kLongestId = 200;
constexpr std::string_view kMessageId = "message-id:";

}  // namespace

SpoolDirectory::SpoolDirectory(const std::string& path) {
    auto opened = open_file(path, O_RDONLY | O_DIRECTORY);
    if (opened) {
        directory_ = std::move(*opened);
    } else {
        log_warning("large messages have to wait in memory: {}", opened.error().message);
    }
}

Result<UniqueFd> SpoolDirectory::make_file() const {
    if (!directory_) {
        UniqueFd memory(::memfd_create("message", MFD_CLOEXEC));
        return memory ? Result<UniqueFd>(std::move(memory)) : fail_errno("memfd_create");
    }
    return open_at(directory_.get(), ".", O_TMPFILE | O_RDWR, 0600);
}

void Message::look_at_header(std::string_view line, LineEnd end) {
    if (in_header_ && at_line_start_ && added_ > 0) {
        in_header_ = !line.empty();
        if (istarts_with(line, kMessageId)) {
            message_id_ = trim(line.substr(kMessageId.size())).substr(0, kLongestId);
        }
    }
    at_line_start_ = end == LineEnd::kYes;
}

void Message::write(std::string_view text, LineEnd end) {
    look_at_header(text, end);
    size_ += static_cast<std::int64_t>(text.size());
    buffer_ += text;
    if (end == LineEnd::kYes) {
        buffer_ += '\n';
        ++size_;
        ++lines_;
    }
    if (buffer_.size() >= kBuffer) {
        drain();
    }
}

void Message::drain() {
    if (outcome_) {
        outcome_ = write_out();
    }
    buffer_.clear();
}

Result<void> Message::write_out() {
    if (!file_) {
        file_ = UniqueFd(::memfd_create("message", MFD_CLOEXEC));
        if (!file_) {
            return fail_errno("memfd_create");
        }
    }
    if (!on_disk_ && size_ > kInMemory) {
        auto moved = move_to_disk();
        if (!moved) {
            return moved;
        }
    }
    return write_all(file_.get(), buffer_);
}

Result<void> Message::move_to_disk() {
    auto disk = spool_.make_file();
    if (!disk) {
        return fail_with(disk);
    }
    off_t end = ::lseek(file_.get(), 0, SEEK_CUR);
    off_t at = 0;
    while (at < end) {
        ssize_t sent =
            ::sendfile(disk->get(), file_.get(), &at, static_cast<std::size_t>(end - at));
        if (sent <= 0 && errno != EINTR) {
            return fail_errno("copy a message to data_directory");
        }
    }
    file_ = std::move(*disk);
    on_disk_ = true;
    return {};
}

Result<void> Message::finish() {
    drain();
    return outcome_;
}

}  // namespace relais::lmtpd
