#include "lib/access/incoming_message.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/event/blocking.h"
#include "lib/imap/binary_part.h"

namespace relais {

void LineEnds::write(FileSink& sink, std::string_view piece) {
    std::string out;
    out.reserve(piece.size() + 1);
    for (char c : piece) {
        if (held_ && c != '\n') {
            put(out, '\r');
        }
        held_ = c == '\r';
        if (!held_) {
            put(out, c);
        }
    }
    sink.write(out);
}

void LineEnds::finish(FileSink& sink) {
    if (held_) {
        std::string out;
        put(out, '\r');
        sink.write(out);
    }
}

void LineEnds::put(std::string& out, char c) {
    wire_size_ += c == '\n' && last_ != '\r' ? 2 : 1;
    last_ = c;
    out += c;
}

IncomingMessage::IncomingMessage(const Mailbox& box)
    : base_(make_maildir_base(box.place().host)), path_(box.staging_directory() + "/" + base_) {
    auto fd = open_file(path_, O_WRONLY | O_CREAT | O_EXCL, box.place().file_mode);
    made_ = fd.has_value();
    if (fd) {
        fd_ = std::move(*fd);
        sink_.emplace(fd_.get());
    } else {
        outcome_ = fail_with(fd);
    }
}

IncomingMessage::~IncomingMessage() {
    if (made_) {
        ::unlink(path_.c_str());  // when it was moved away, there is nothing of that name
    }
}

void IncomingMessage::write(std::string_view piece) {
    if (outcome_) {
        lines_.write(*sink_, piece);
    }
}

Task<Result<NewMessage>> IncomingMessage::finish(std::int64_t date) {
    if (!binary_.empty()) {
        write(imap::encode_binary_parts(binary_));
        std::string().swap(binary_);
    }
    if (outcome_) {
        lines_.finish(*sink_);
        outcome_ = sink_->finish();
    }
    if (!outcome_) {
        co_return fail_with(outcome_);
    }
    std::array<timespec, 2> times{};
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = date;
    ::futimens(fd_.get(), times.data());
    int fd = fd_.get();
    auto sync = [fd] { return ::fsync(fd) == 0 ? 0 : errno; };
    int reason = co_await run_blocking(std::move(sync));
    if (reason != 0) {
        co_return fail_errno("fsync " + path_, reason);
    }
    fd_ = UniqueFd();  // a command may bring more messages than a process may have files
    NewMessage message;
    message.path = path_;
    message.base = format("{},S={},W={}", base_, sink_->written(), lines_.wire_size());
    co_return message;
}

}  // namespace relais
