// The conversation that most services of the suite hold with the rest of it: a greeting with the
// protocol's name, then requests and replies of one list of attributes each.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "lib/daemon/daemon.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais {

// Writes the reply to a request; false where there is none to give: the client is dropped.
using AnswerAttributes = std::function<Task<bool>(const Attributes* request, AttrWriter* reply)>;

// Until the client goes, is idle for ipc_timeout, or sends a list longer than `longest` or
// malformed. `protocol` is a constant.
[[nodiscard]] Task<void> serve_attributes(Connection connection, std::string_view protocol,
                                          std::size_t longest, AnswerAttributes answer);

// The conversation of services that Postfix's clients ask one thing for each connection, where the
// reply is a number (bounce, flush).  The greeting goes out again behind the reply: a client of
// ours asks on over the same connection, one of Postfix's hangs up and never sees it.
class StatusConversation {
  public:
    // Greets.  `protocol` is a constant; `longest` as in read_attributes().
    StatusConversation(Connection connection, std::string_view protocol,
                       std::size_t longest = kMaxAttrList);

    // The next request; kClosed at the end of the conversation.
    [[nodiscard]] Task<Result<Attributes>> next();

    // Goes out with the next next(), which follows.
    void reply(int status);

    Stream& stream() { return stream_; }

  private:
    void greet();

    Stream stream_;
    std::string_view protocol_;
    std::size_t longest_;
    int replies_ = 0;
    bool greeted_ = false;
};

}  // namespace relais
