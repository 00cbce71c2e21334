// Copies a message from a local user's records into a queue file, and nothing else: only records
// and attributes that a user may set, in their order.
#pragma once

#include <cstddef>
#include <string>

#include "lib/ipc/cleanup_client.h"
#include "lib/queue/queue_file.h"

namespace relais {

class RecordFilter {
  public:
    struct Outcome {
        bool complete = false;  // the end record came
        std::string malformed;  // why what came is no message
        unsigned status = kCleanupOk;
        std::string sender;  // the last that was given: it counts
    };

    RecordFilter(NewQueueFile& file, int line_limit, long size_limit)
        : file_(file), line_limit_(static_cast<std::size_t>(line_limit)), size_limit_(size_limit) {}

    // Reads to the end record, or to the end of input.
    Outcome copy(int input);

  private:
    enum class Segment { kEnvelope, kContent, kExtracted, kDone };

    void take_all(std::string& buffer);
    void explain_end(const std::string& buffer);
    void take(const Record& record);
    void take_attribute(std::string_view data);
    void put(Rec type, std::string_view data);

    NewQueueFile& file_;
    std::size_t line_limit_;
    long size_limit_;
    Segment segment_ = Segment::kEnvelope;
    Outcome outcome_;
    bool have_sender_ = false;
    bool have_recipient_ = false;
};

}  // namespace relais
