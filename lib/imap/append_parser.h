// What stands between the literals of APPEND and REPLACE: flags, dates, and the parts that a
// message is put together from (RFC 3501 6.3.11, RFC 3502 MULTIAPPEND, RFC 4469 CATENATE, RFC 3516
// literal8, RFC 6855 4 UTF8).
//
// The command comes line by line, as literals end lines:
//     parser.line(rest);   for each step = parser.next(): kText and kUrlLiteral mean that a literal
//     follows; read it, and give the line behind it to the parser before the next step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/imap/scanner.h"

namespace relais::imap {

struct AppendStep {
    enum class Kind {
        kBegin,       // of a message: flags, date
        kText,        // a literal is (more of) the message
        kUrl,         // url names more of it
        kUrlLiteral,  // a literal is such a URL
        kEnd,         // of the message
        kDone,        // the command is complete
        kBad,         // wrong, and nothing more to be had
    };
    Kind kind = Kind::kBad;
    std::optional<std::vector<std::string>> flags;
    std::optional<std::int64_t> date;
    bool binary = false;  // kText: literal8
    std::string url;
};

class AppendParser {
  public:
    enum class Messages { kOne, kMany };

    explicit AppendParser(Messages messages) : messages_(messages) {}

    // The text up to and with the mark of the literal, or to the end of the command.  It must
    // outlive the steps that are taken from it.
    void line(std::string_view text) { scanner_ = Scanner(text); }

    AppendStep next();

  private:
    enum class State { kMessage, kData, kInList, kUtf8End, kAfterData };

    AppendStep begin();
    AppendStep data();
    AppendStep list_item();
    AppendStep literal();
    AppendStep end();

    Scanner scanner_{""};
    Messages messages_;
    State state_ = State::kMessage;
    int count_ = 0;
    bool first_part_ = false;
};

}  // namespace relais::imap
