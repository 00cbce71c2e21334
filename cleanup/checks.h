// Header and body checks of one message: what the tables say is done to the line and the message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/mail/mime_parser.h"
#include "lib/rules/content_checks.h"

#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class Checks {
  public:
    Checks(Service& service, Message& message) : service_(service), message_(message) {}

    // The table for a line; null where it is not (or no longer) checked.
    const CheckTable* for_header(HeaderContext context, const HeaderInfo* info) const;
    // `offset` bytes of this body have been seen.
    const CheckTable* for_body(std::size_t offset) const;

    // What becomes of a line.
    struct Outcome {
        std::optional<std::string> before;       // goes before it
        std::optional<std::string> replacement;  // stands in its place
        bool drop = false;
    };

    // Does and logs what a table said about `line`.
    [[nodiscard]] Outcome apply(CheckedPart part, std::string_view line,
                                Result<CheckAction> action);

    // message_reject_characters
    void refuse_characters(std::string_view line);
    // A problem (one bit of MimeProblem) for which the message will be refused.
    void log_mime_error(unsigned problem, std::string_view text) const;

  private:
    // `part`: what `line` is, in the log's words.
    void log(std::string_view part, std::string_view line, const CheckAction& action) const;
    void reject(const std::string& text);

    Service& service_;
    Message& message_;
};

}  // namespace relais::cleanup
