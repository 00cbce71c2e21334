// Prints the records of one queue file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/queue/record_reader.h"

namespace relais {

struct PrintOptions {
    bool envelope = false;
    bool header = false;
    bool body = false;
    bool offsets = false;        // before each record
    bool decimal_types = false;  // before each record
    bool type_names = false;     // also for text
    bool raw = false;            // do not follow pointers
    bool file_name = false;      // before each line
    std::int64_t start_offset = 0;
};

class QueueFilePrinter {
  public:
    QueueFilePrinter(const PrintOptions& options, std::string name)
        : options_(options), name_(std::move(name)) {}

    [[nodiscard]] Result<void> print(int fd);

  private:
    enum class Part { kEnvelope, kHeader, kBody };

    [[nodiscard]] Result<void> print_records(RecordReader& reader);
    void take(RecordReader& reader, const Record& record);
    void take_content_start(RecordReader& reader);
    void take_text(const Record& record);
    bool part_wanted() const;
    void marker(Rec type, std::string_view text);
    void line(Rec type, std::string_view text);
    void prefix(Rec type);
    void note_size(std::string_view data);

    PrintOptions options_;
    std::string name_;
    Part part_ = Part::kEnvelope;
    std::int64_t offset_ = 0;
    std::int64_t extracted_offset_ = -1;  // from the size record
    bool unfinished_ = false;             // the last record printed was a part of a line
};

}  // namespace relais
