// smtp_reply_filter: a table that makes sense of what odd servers say, line by line.
#pragma once

#include <memory>
#include <string>

#include "lib/config/config.h"
#include "lib/event/task.h"
#include "lib/maps/table.h"

namespace relais::smtp_client {

class ReplyLineFilter {
  public:
    ReplyLineFilter(const Config& config, const std::string& prefix);

    bool empty() const { return table_ == nullptr; }

    // What the line, without its line end, is to be taken for; changes are logged with the name of
    // the server.  TableFailure (logged) where the table cannot be asked.
    [[nodiscard]] Task<std::string> apply(std::string line, const std::string* server,
                                          const std::string* queue_id) const;

  private:
    std::string reference_;         // "regexp:/etc/postfix/replies"
    std::shared_ptr<Table> table_;  // null: there is none
};

}  // namespace relais::smtp_client
