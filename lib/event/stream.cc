#include "lib/event/stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <event2/event.h>
#include <sys/socket.h>

#include "lib/base/fd_message.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

namespace relais {

namespace {

constexpr std::size_t kSmallRead = 4096;
constexpr std::size_t kLargeRead = 65536;
constexpr std::size_t kKeepOutput = 4096;  // a larger output buffer is given back once sent
// A descriptor travels beside a byte of its own.
constexpr std::string_view kFdByte("\0", 1);

// The empty buffer of the stream that has last become idle, for the next one that reads: a small
// one lasts for thousands of streams of which one reads at a time.
std::string& spare_buffer() {
    static thread_local std::string spare;
    return spare;
}

}  // namespace

Stream::Stream(UniqueFd fd)
    : fd_(std::move(fd)), transport_(plain_transport(fd_.get())), read_size_(kSmallRead) {
    if (auto set = set_nonblocking(fd_.get()); !set) {
        throw IoError(set.error().message, set.error().sys_errno);
    }
}

Stream::~Stream() = default;

void Stream::on_event(int /*fd*/, short what, void* self) {
    static_cast<Stream*>(self)->note_events(what);
}

void Stream::note_events(short what) {
    readable_ = true;
    peer_closed_ = peer_closed_ || (what & EV_CLOSED) != 0;
    if (reader_ != nullptr) {
        reader_->wake();
    }
}

Deadline Stream::next_deadline() const {
    return earlier(Deadline::after(timeout_), deadline_);
}

void Stream::consume(std::size_t count) {
    consumed_ += std::min(count, in_.size() - consumed_);
    if (consumed_ == in_.size()) {
        in_.clear();
        consumed_ = 0;
    }
}

Stream::Progress Stream::read_some() {
    if (consumed_ > 0) {
        in_.erase(0, consumed_);
        consumed_ = 0;
    }
    std::size_t had = in_.size();
    if (in_.capacity() < kSmallRead && in_.empty()) {
        in_.swap(spare_buffer());
    }
    IoOutcome outcome;
    in_.resize_and_overwrite(had + read_size_, [&](char* data, std::size_t) {
        outcome = transport_->read({data + had, read_size_});
        return had + outcome.count;
    });
    switch (outcome.status) {
        case IoStatus::kDone:
            // A short read has emptied the socket: the next one must wait for an event, unless the
            // peer's close, which comes with no event of its own, is already known.
            readable_ =
                outcome.count == read_size_ || peer_closed_ || pipe_ || transport_->has_pending();
            read_size_ = outcome.count == read_size_ ? kLargeRead : read_size_;
            return Progress::kSome;
        case IoStatus::kEndOfStream:
            return Progress::kEnd;
        case IoStatus::kWantRead:
        case IoStatus::kWantWrite:
            readable_ = false;
            read_wants_ = outcome.status;
            return Progress::kNone;
        case IoStatus::kFailed:
            break;
    }
    throw IoError(outcome.error, outcome.sys_errno);
}

bool Stream::fill_now() {
    return read_some() != Progress::kEnd;
}

Task<bool> Stream::fill() {
    return out_.empty() ? receive() : flush_and_receive();
}

Task<bool> Stream::flush_and_receive() {
    co_await flush();
    bool more = co_await receive();
    co_return more;
}

Task<bool> Stream::receive() {
    for (;;) {
        if (readable_ || transport_->has_pending()) {
            Progress progress = read_some();
            if (progress != Progress::kNone) {
                co_return progress == Progress::kSome;
            }
        }
        co_await wait_for(read_wants_);
    }
}

Task<void> Stream::wait_for(IoStatus want) {
    if (want == IoStatus::kWantWrite) {
        co_await wait_writable();
        readable_ = true;
        read_wants_ = IoStatus::kWantRead;
    } else {
        readable_ = false;  // the transport has just found nothing there
        co_await wait_arrival();
    }
}

void Stream::drop_idle_buffers() {
    if (in_.empty() && in_.capacity() > kSmallRead / 4) {
        if (in_.capacity() < kLargeRead) {
            in_.swap(spare_buffer());
        }
        std::string().swap(in_);
        consumed_ = 0;
        read_size_ = kSmallRead;
    }
}

Task<void> Stream::wait_readable() {
    if (buffered().empty()) {
        co_await wait_arrival();
    }
}

// What is buffered already does not count: it may be the first half of what the caller needs.
Task<void> Stream::wait_arrival() {
    if (!event_) {
        // Edge-triggered and kept for the stream's life: one epoll_ctl for each connection.
        event_ = Loop::current().make_event(
            fd_.get(), static_cast<short>(EV_READ | EV_CLOSED | EV_ET | EV_PERSIST),
            &Stream::on_event, this);
        if (event_add(event_.get(), nullptr) != 0) {
            throw IoError("cannot watch a descriptor", errno);
        }
        readable_ = false;
    }
    if (readable_) {
        co_return;
    }
    drop_idle_buffers();
    Wait wait(next_deadline());
    reader_ = &wait;
    try {
        co_await wait;
    } catch (...) {
        reader_ = nullptr;
        throw;
    }
    reader_ = nullptr;
}

static void wake_wait(int /*fd*/, short /*what*/, void* wait) {
    static_cast<Wait*>(wait)->wake();
}

Task<void> Stream::wait_writable() {
    Wait wait(next_deadline());
    EventPtr writable = Loop::current().make_event(fd_.get(), EV_WRITE, &wake_wait, &wait);
    if (event_add(writable.get(), nullptr) != 0) {
        throw IoError("cannot watch a descriptor", errno);
    }
    co_await wait;
}

Task<void> Stream::flush() {
    std::size_t sent = 0;
    while (sent < out_.size()) {
        IoOutcome outcome = transport_->write(std::string_view(out_).substr(sent));
        if (outcome.status == IoStatus::kFailed) {
            out_.clear();
            throw IoError(outcome.error, outcome.sys_errno);
        }
        if (outcome.status == IoStatus::kDone) {
            sent += outcome.count;
        } else {
            try {
                co_await wait_for(outcome.status);
            } catch (...) {
                out_.erase(0, sent);
                throw;
            }
        }
    }
    out_.clear();
    if (out_.capacity() > kKeepOutput) {
        std::string().swap(out_);
    }
}

Task<void> Stream::send_fd(int fd) {
    co_await flush();
    for (;;) {
        if (send_with_fd(fd_.get(), kFdByte, fd) > 0) {
            co_return;
        }
        if (errno == EAGAIN) {
            co_await wait_writable();
        } else if (errno != EINTR) {
            throw IoError(std::string("send descriptor: ") + std::strerror(errno), errno);
        }
    }
}

Task<UniqueFd> Stream::receive_fd() {
    co_await flush();
    if (!buffered().empty()) {
        // The descriptor's byte was read as plain input: the descriptor is lost.
        throw IoError("protocol error: data before a descriptor");
    }
    for (;;) {
        char byte = 0;
        UniqueFd fd;
        ssize_t got = receive_with_fd(fd_.get(), {&byte, 1}, fd);
        if (got > 0 && fd) {
            co_return std::move(fd);
        }
        if (got > 0) {
            throw IoError("protocol error: no descriptor came with the message");
        }
        if (got == 0) {
            throw EndOfStream();
        }
        if (errno == EAGAIN) {
            readable_ = false;
            co_await wait_readable();
        } else if (errno != EINTR) {
            throw IoError(std::string("receive descriptor: ") + std::strerror(errno), errno);
        }
    }
}

void Stream::set_transport(std::unique_ptr<Transport> transport) {
    transport_ = std::move(transport);
    std::string().swap(in_);
    consumed_ = 0;
    readable_ = true;
    read_wants_ = IoStatus::kWantRead;
}

UniqueFd Stream::release() {
    event_.reset();
    return std::move(fd_);
}

}  // namespace relais
