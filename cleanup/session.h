// One message: announces the queue id, takes the records, answers when the message is on disk or
// refused.
#pragma once

#include <string>

#include "lib/event/stream.h"

#include "cleanup/content.h"
#include "cleanup/envelope.h"
#include "cleanup/message.h"
#include "cleanup/milters.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class Session {
  public:
    // The client's stream outlives the session, which is that of one message.
    Session(Service& service, Stream& client);

    // True: the reply is written, and goes out with what follows.  Throws what I/O throws; the
    // unfinished file is removed then.
    [[nodiscard]] Task<bool> run();

  private:
    enum class Phase { kEnvelope, kContent, kExtracted, kDone };

    [[nodiscard]] Task<void> finish_or_remove(Message& message);
    [[nodiscard]] Task<void> take_message(Message& message);
    [[nodiscard]] Task<void> take_records(Message& message);
    [[nodiscard]] Task<void> take(Message& message, Rec type, std::string_view data);
    Segment segment() const;
    bool take_at_once(const Message& message, const Record& record);
    [[nodiscard]] Task<void> end_content(Message& message, Rec type);
    void reply(const Message& message);

    Service& service_;
    Stream& stream_;
    Phase phase_ = Phase::kEnvelope;
    std::unique_ptr<Milters> milters_;
    std::unique_ptr<Envelope> envelope_;
    std::unique_ptr<Content> content_;
};

}  // namespace relais::cleanup
