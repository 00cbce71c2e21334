// The content of the message, line by line: which lines are headers of the message, of its parts
// and of attached messages, and which are body.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "lib/mail/mime_parser.h"

#include "cleanup/checks.h"
#include "cleanup/headers.h"
#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class Content : private MimeSink {
  public:
    Content(Service& service, Message& message);

    // An N or L record.  What it brings to light is written at once, or waits for work().
    void take_line(Rec type, std::string_view line);

    // Something waits.
    bool has_work() const { return !events_.empty(); }

    [[nodiscard]] Task<void> work();

    // X: the content is over.
    [[nodiscard]] Task<void> finish();

  private:
    struct Event {
        enum class Kind { kHeader, kEndOfHeaders, kBody } kind;
        std::string text;
        const HeaderInfo* info = nullptr;
        HeaderContext context = HeaderContext::kPrimary;
        LinePart part = LinePart::kWhole;
        std::size_t offset = 0;  // in the body
        bool checked = false;
    };

    void header(HeaderContext context, const HeaderInfo* info, std::string text) override;
    void end_of_headers(HeaderContext context) override;
    void body(std::string_view line, LinePart part) override;
    void problem(unsigned problem, std::string_view text) override;

    // False: the header is not to be kept.
    bool judge(Event& header, Result<CheckAction> said);
    [[nodiscard]] Task<void> work_on_header(Event header);
    [[nodiscard]] Task<void> work_on_body(Event line);
    // A header that needs no waiting; false: it does.
    bool put_header(const Event& header);
    void put_checked_body(std::string_view line, LinePart part, Result<CheckAction> said);
    void put_body(std::string_view line, LinePart part);
    void put_part_header(std::string_view text);
    void refuse_for_mime();
    void note_encoding(const HeaderInfo* info, std::string_view text);

    Service& service_;
    Message& message_;
    Headers headers_;
    Checks checks_;
    MimeParser parser_;
    std::deque<Event> events_;
    std::string scratch_;
    bool separated_ = false;  // the empty line after the headers has been written
    bool open_line_ = false;  // the last body record was an L
};

}  // namespace relais::cleanup
