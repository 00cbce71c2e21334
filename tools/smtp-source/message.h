// What smtp-source sends: the content of its messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/load/source.h"

namespace relais::smtp_source {

struct ContentOptions {
    std::size_t length = 0;  // -l: bytes of body, line ends counted; 0: four short lines
    std::string file;        // -F: header and body
    std::string subject;     // -S
    bool has_header = true;  // not with -o and -F
};

class Content {
  public:
    // Reads the file; ends the process where it can't.
    explicit Content(ContentOptions options);

    // Appends a message with its end of data; `id` is its own.
    void append_to(std::string& out, const load::SourceOptions& names, std::string_view id) const;

  private:
    ContentOptions options_;
    std::string body_;  // with CRLF line ends, transparency dots and the end of data
};

}  // namespace relais::smtp_source
