// The three ways a conversation ends from outside.  They are thrown out of awaited I/O and caught
// once, at the top of the session.
#pragma once

#include <exception>
#include <string>

namespace relais {

// The peer is gone: reset, unexpected end of stream, TLS failure, a failed system call.
class IoError : public std::exception {
  public:
    explicit IoError(std::string what, int sys_errno = 0)
        : what_(std::move(what)), sys_errno_(sys_errno) {}

    const char* what() const noexcept override { return what_.c_str(); }

    int sys_errno() const { return sys_errno_; }

  private:
    std::string what_;
    int sys_errno_;
};

// The peer hung up where more was due.
class EndOfStream : public IoError {
  public:
    EndOfStream() : IoError("lost connection") {}
};

// A deadline passed.
class TimedOut : public std::exception {
  public:
    const char* what() const noexcept override { return "timeout"; }
};

// The task was told to stop: its group was closed or its scope ended.
class Cancelled : public std::exception {
  public:
    const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace relais
