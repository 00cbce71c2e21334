// A buffered two-way byte stream over a non-blocking descriptor.
//
// Reading: look at buffered(), consume() what was understood, co_await fill() for more.  Writing:
// write() collects, flush() sends; fill() flushes before it waits, so that all replies to a burst
// of pipelined commands leave in one write.  An idle stream holds no buffers.
//
// Errors end the conversation: fill() and flush() throw IoError, TimedOut or Cancelled.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"
#include "lib/event/transport.h"

namespace relais {

class Stream {
  public:
    // Takes the descriptor and makes it non-blocking.
    explicit Stream(UniqueFd fd);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    int fd() const { return fd_.get(); }

    // For the read end of a pipe: its hang-up comes together with the last data, in one event, so
    // that a short read is no reason to wait for another.
    void set_pipe() { pipe_ = true; }

    // How long one wait for the peer may take (default: five minutes), and a point after which no
    // wait is allowed at all.
    void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }

    std::chrono::milliseconds timeout() const { return timeout_; }

    void set_deadline(Deadline deadline) { deadline_ = deadline; }

    Deadline deadline() const { return deadline_; }

    // Received and not consumed yet.  Valid until the next fill() or consume().
    std::string_view buffered() const { return std::string_view(in_).substr(consumed_); }

    void consume(std::size_t count);

    // Sends what is written, then waits until more input has come.  False at end of stream.
    [[nodiscard]] Task<bool> fill();

    // The same without sending anything: for a stream that another task writes to.
    [[nodiscard]] Task<bool> receive();

    // Reads what has arrived without waiting.  False at end of stream.
    bool fill_now();

    // Appends to what will be sent.
    void write(std::string_view bytes) { out_ += bytes; }

    std::size_t unsent() const { return out_.size(); }

    [[nodiscard]] Task<void> flush();

    // Waits until there is input or the end of stream, without taking it.
    [[nodiscard]] Task<void> wait_readable();

    // Passes a descriptor over a UNIX-domain socket, with one NUL byte.
    [[nodiscard]] Task<void> send_fd(int fd);
    [[nodiscard]] Task<UniqueFd> receive_fd();

    // Puts another transport (TLS) under the stream.  Unconsumed input is thrown away: what came
    // before the handshake is not to be trusted after it.
    void set_transport(std::unique_ptr<Transport> transport);

    Transport& transport() { return *transport_; }

    // Waits for one direction on behalf of a transport that drives its own handshake.
    [[nodiscard]] Task<void> wait_for(IoStatus want);

    // Gives the descriptor away; the stream is dead then.  Unsent output is dropped.
    UniqueFd release();

  private:
    enum class Progress { kSome, kNone, kEnd };

    Progress read_some();
    [[nodiscard]] Task<bool> flush_and_receive();
    void note_events(short what);
    [[nodiscard]] Task<void> wait_arrival();
    [[nodiscard]] Task<void> wait_writable();
    Deadline next_deadline() const;
    void drop_idle_buffers();
    static void on_event(int fd, short what, void* self);

    UniqueFd fd_;
    std::unique_ptr<Transport> transport_;
    EventPtr event_;
    Wait* reader_ = nullptr;
    std::string in_;
    std::size_t consumed_ = 0;
    std::size_t read_size_;
    std::string out_;
    std::chrono::milliseconds timeout_ = std::chrono::minutes(5);
    Deadline deadline_;
    bool readable_ = true;  // the next read may find something
    bool peer_closed_ = false;
    bool pipe_ = false;
    IoStatus read_wants_ = IoStatus::kWantRead;
};

}  // namespace relais
