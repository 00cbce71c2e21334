#include "imapd/imap/progress.h"

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/imap/format.h"

namespace relais {

Progress::Progress(Session& session, std::string tag, std::size_t goal)
    : session_(session),
      tag_(std::move(tag)),
      goal_(goal),
      next_(std::chrono::steady_clock::now() + conf().imap_progress_interval()) {
}

Task<void> Progress::tell(std::size_t done) {
    std::string line = "* OK [INPROGRESS (";
    imap::append_string(line, tag_);
    line += format(" {} {})] Still working.\r\n", done, goal_);
    session_.stream.write(line);
    next_ = std::chrono::steady_clock::now() + conf().imap_progress_interval();
    co_await session_.stream.flush();
}

}  // namespace relais
