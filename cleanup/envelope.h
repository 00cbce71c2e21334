// The envelope of the message, from the records before its content (M) and after it (X).
#pragma once

#include "lib/queue/record.h"

#include "cleanup/message.h"
#include "cleanup/milters.h"
#include "cleanup/service.h"

namespace relais::cleanup {

enum class Segment { kEnvelope, kExtracted };

class Envelope {
  public:
    Envelope(Service& service, Message& message, Milters& milters)
        : service_(service), message_(message), milters_(milters) {}

    // Records of all kinds but those that end a segment.  take_detail() is for those of which
    // is_detail() says so: nothing has to be waited for with them.
    [[nodiscard]] Task<void> take(Segment segment, Rec type, std::string data);
    static bool is_detail(Rec type);
    void take_detail(Segment segment, Rec type, std::string_view data);

    // M: checks that everything is there.
    [[nodiscard]] Task<void> end_of_envelope();

    // E.
    [[nodiscard]] Task<void> end_of_message();

  private:
    [[nodiscard]] Task<void> take_first_sender(std::string address);
    [[nodiscard]] Task<void> take_ready_recipient(std::string address);
    void take_time(std::string_view data);
    bool expect(Segment segment, Rec type);
    void take_attribute(std::string_view data);
    void take_named(std::string_view name, std::string_view value);
    void take_notify(std::string_view name, std::string_view value);
    void take_ret(std::string_view name, std::string_view value);
    void take_context(std::string_view value);
    void take_extra_flags(std::string_view data);
    void take_verp(std::string_view data);
    void put(Rec type, std::string_view data);
    void put_attribute(std::string_view name, std::string_view value);
    void note_mixture();
    void put_findings();
    [[nodiscard]] Task<bool> ready_for_recipients();
    void put_warning_time();

    Service& service_;
    Message& message_;
    Milters& milters_;
    std::int64_t recipients_before_ = 0;  // the count when the segment began
};

}  // namespace relais::cleanup
