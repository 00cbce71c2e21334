// The list of messages in the queue, from showq(8).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/daemon/sandbox.h"
#include "lib/ipc/attr.h"

namespace relais {

enum class ReportForm { kText, kJson };

// Prints the list, within `sandbox` from when there is somebody who tells it.  Ends the process
// where it is not to be had: while the mail system is down, root reads the queue directly.
void list_queue(ReportForm form, const SandboxTable& sandbox);

// One message as showq(8) tells it, in the protocol of Postfix up to 3.10 or since.
struct QueuedMessage {
    struct Recipient {
        std::string address;
        std::string log_class;  // "bounce", "defer" or empty
        std::string reason;     // may be empty
    };

    std::string queue_name;
    std::string queue_id;
    std::int64_t time = 0;
    std::int64_t size = 0;
    bool forced_expire = false;
    std::string sender;
    std::vector<Recipient> recipients;
};

[[nodiscard]] Result<QueuedMessage> parse_queued_message(const Attributes& attributes);

// One line of `postqueue -j`.
[[nodiscard]] std::string format_json(const QueuedMessage& message);

// The text list: begin() and end() belong around the messages.
class TextReport {
  public:
    enum class Ids { kShort, kLong };

    explicit TextReport(Ids ids) : ids_(ids) {}

    [[nodiscard]] std::string message(const QueuedMessage& message);
    // The trailer, or that there is nothing.
    [[nodiscard]] std::string end() const;

  private:
    void row(std::string& out, std::string_view id, std::string_view size, std::string_view date,
             std::string_view text) const;

    Ids ids_;
    std::int64_t messages_ = 0;
    std::int64_t bytes_ = 0;
};

}  // namespace relais
