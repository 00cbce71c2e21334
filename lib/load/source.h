// What the programs that make load share: how many messages in how many sessions, the pauses
// between them, the connections, and who is said to write to whom.
//
// They measure servers, so whatever goes wrong ends the process: a figure from half of the load
// would mislead.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/sync.h"
#include "lib/event/task.h"
#include "lib/load/endpoint.h"

namespace relais::load {

struct SourceOptions {
    int sessions = 1;       // -s
    int messages = 1;       // -m
    int recipients = 1;     // -r, of each message
    int connect_tries = 1;  // -C
    int fixed_pause = 0;    // -w, seconds
    int random_pause = 0;   // -R, the most of it
    int window = 0;         // -T
    bool count = false;     // -c
    std::string my_name;    // -M
    std::string from;       // -f
    std::string to;         // -t
    bool from_is_set = false, to_is_set = false;

    // Fills in what was not given: this machine's name, foo@name.
    void complete();
};

// -M: ends the process where the text is neither a host name nor an address in brackets.
[[nodiscard]] std::string checked_name(std::string_view text);

class Source {
  public:
    Source(const SourceOptions& options, Endpoint endpoint)
        : options_(options), endpoint_(std::move(endpoint)), left_(options.messages) {}

    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    const SourceOptions& options() const { return options_; }

    // A message to send for whoever asks; false when all are taken.
    bool take_message() { return left_ > 0 && left_-- > 0; }

    int left() const { return left_; }

    bool pauses() const { return options_.fixed_pause > 0 || options_.random_pause > 0; }

    // The time that a session waits between two messages.
    [[nodiscard]] Task<void> pause();

    // A connection, with all the tries that there are; not too many are made at once.
    [[nodiscard]] Task<UniqueFd> connect();

    // Counts a message that was delivered; shows the count where that is wanted.
    void delivered();

    // After the last message.
    void finish();

  private:
    [[nodiscard]] Task<Result<UniqueFd>> connect_once();

    SourceOptions options_;
    Endpoint endpoint_;
    Semaphore connecting_{64};
    int left_;
    int delivered_ = 0;
};

// Closes without leaving the port in TIME_WAIT: thousands of connections a second would use up all
// ports.  Only for a conversation that is over on both sides.
void close_at_once(UniqueFd fd);

}  // namespace relais::load
