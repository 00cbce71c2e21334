// The other end of cleanup's brake: a pipe of tokens.  cleanup takes one for each new message and
// waits a moment when there is none; the queue manager puts one in for each message that it takes
// out of incoming, and keeps the pipe full while incoming is empty.
#pragma once

namespace relais::qmgr {

class FlowControl {
  public:
    void add_token() const;

    // Up to default_process_limit tokens.
    void fill() const;
};

}  // namespace relais::qmgr
