// A message that a client stores, on its way from the connection to a file in tmp/.  What is stored
// has LF line ends, like everything that is delivered here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/loop.h"
#include "lib/store/file_sink.h"
#include "lib/store/mailbox.h"

namespace relais {

// Turns CRLF into LF, across the pieces in which a message comes, and counts what IMAP will show.
class LineEnds {
  public:
    void write(FileSink& sink, std::string_view piece);
    void finish(FileSink& sink);

    std::uint64_t wire_size() const { return wire_size_; }

  private:
    void put(std::string& out, char c);

    bool held_ = false;  // a CR whose successor has not come yet
    char last_ = '\0';
    std::uint64_t wire_size_ = 0;
};

// The file in tmp/; removed unless it was moved away.
class IncomingMessage {
  public:
    explicit IncomingMessage(const Mailbox& box);
    IncomingMessage(const IncomingMessage&) = delete;
    IncomingMessage& operator=(const IncomingMessage&) = delete;
    ~IncomingMessage();

    void write(std::string_view piece);

    // Bytes that may be binary data (RFC 3516): held in memory, and put into base64 where they say
    // that they are.
    void write_binary(std::string_view piece) { binary_ += piece; }

    // Makes it durable, with its date, and tells how it is to be stored.
    [[nodiscard]] Task<Result<NewMessage>> finish(std::int64_t date);

  private:
    std::string base_;
    std::string path_;
    UniqueFd fd_;
    std::optional<FileSink> sink_;
    LineEnds lines_;
    std::string binary_;
    bool made_ = false;
    Result<void> outcome_;
};

}  // namespace relais
