// The file that one mail transaction goes into (-d, -D), while it lasts.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"

#include "tools/smtp-sink/settings.h"

namespace relais::smtp_sink {

// What its headers tell of the client.
struct ClientFacts {
    std::string address;  // without brackets
    bool is_ipv6 = false;
    std::string_view protocol;  // SMTP, ESMTP or LMTP
    bool said_hello = false;
    std::string_view hello;
};

class Capture {
  public:
    // Creates the file, and the directories that it needs.  Failures end the process.
    Capture(const Settings& settings, const ClientFacts& client, std::string_view mail_arguments);
    // A transaction that was not finished leaves no file.
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    void recipient(std::string_view arguments);
    // The header line that ends the generated ones.
    void begin_content(const ClientFacts& client);

    void write(std::string_view bytes) {
        buffer_ += bytes;
        if (buffer_.size() >= kBuffer) {
            flush();
        }
    }

    // The end of data was received.
    void finish();

  private:
    static constexpr std::size_t kBuffer = 65536;

    void open();
    void flush();
    void append_to_shared();

    const Settings& settings_;
    std::string base_;  // the expanded template
    std::string id_;    // the random part of the name
    std::string path_;
    UniqueFd fd_;
    std::string buffer_;
    bool finished_ = false;
};

}  // namespace relais::smtp_sink
