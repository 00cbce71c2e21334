#include "cleanup/content.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::cleanup {

namespace {

MimeOptions mime_options(const Config& config) {
    MimeOptions options;
    options.nesting_limit = static_cast<std::size_t>(config.mime_nesting_limit());
    options.boundary_limit = static_cast<std::size_t>(config.mime_boundary_length_limit());
    options.header_limit = static_cast<std::size_t>(config.header_size_limit());
    if (config.disable_mime_input_processing()) {
        options.structure = MimeOptions::Structure::kIgnore;
    }
    return options;
}

}  // namespace

Content::Content(Service& service, Message& message)
    : service_(service),
      message_(message),
      headers_(service, message),
      parser_(mime_options(service.config), *this) {
}

void Content::take_line(Rec type, std::string_view line) {
    if (line.find_first_of("\r\n") != std::string_view::npos &&
        service_.config.cleanup_replace_stray_cr_lf()) {
        scratch_ = line;
        std::ranges::replace_if(scratch_, [](char c) { return c == '\r' || c == '\n'; }, ' ');
        line = scratch_;
    }
    parser_.line(line, type == Rec::kLine ? LinePart::kWhole : LinePart::kPartial);
}

void Content::header(HeaderContext context, const HeaderInfo* info, std::string text) {
    note_encoding(info, text);
    if (context != HeaderContext::kPrimary) {
        put_part_header(info, text);
    } else if (events_.empty() && !headers_.holds_addresses(info)) {
        headers_.take(info, text);
    } else {
        events_.push_back({Event::Kind::kHeader, info, LinePart::kWhole, std::move(text)});
    }
}

void Content::end_of_headers(HeaderContext context) {
    if (context != HeaderContext::kPrimary) {
        return;
    }
    if (events_.empty()) {
        headers_.finish();
    } else {
        events_.push_back({Event::Kind::kEndOfHeaders, nullptr, LinePart::kWhole, {}});
    }
}

void Content::body(std::string_view line, LinePart part) {
    if (events_.empty()) {
        put_body(line, part);
    } else {
        events_.push_back({Event::Kind::kBody, nullptr, part, std::string(line)});
    }
}

// 8bit and binary content anywhere makes the message 8bit for its way on.
void Content::note_encoding(const HeaderInfo* info, std::string_view text) {
    if (info == nullptr || info->id != HeaderId::kContentTransferEncoding) {
        return;
    }
    // Exactly the word: with a comment or a blank behind it, Postfix does not know it either.
    auto value = trim_left(header_body(text));
    if (iequals(value, "8bit") || iequals(value, "binary")) {
        message_.envelope.encoding = "8bit";
    }
}

void Content::put_part_header(const HeaderInfo*, const std::string& text) {
    std::string_view rest = text;
    for (;;) {
        auto end = rest.find('\n');
        body(rest.substr(0, end), LinePart::kWhole);
        if (end == std::string_view::npos) {
            return;
        }
        rest.remove_prefix(end + 1);
    }
}

void Content::put_body(std::string_view line, LinePart part) {
    if (!separated_) {
        separated_ = true;
        if (!line.empty()) {
            message_.put(Rec::kLine, "");
        }
    }
    open_line_ = part == LinePart::kPartial;
    auto limit = static_cast<std::size_t>(service_.config.line_length_limit());
    message_.put_text(line, limit, open_line_ ? Rec::kLinePart : Rec::kLine);
}

Task<void> Content::work() {
    while (!events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        switch (event.kind) {
            case Event::Kind::kHeader:
                if (headers_.holds_addresses(event.info)) {
                    co_await headers_.take_addresses(event.info, std::move(event.text));
                } else {
                    headers_.take(event.info, event.text);
                }
                break;
            case Event::Kind::kEndOfHeaders:
                headers_.finish();
                break;
            case Event::Kind::kBody:
                put_body(event.text, event.part);
                break;
        }
    }
}

Task<void> Content::finish() {
    if (message_.skipping()) {
        co_return;
    }
    parser_.finish();
    co_await work();
    if (open_line_) {
        message_.put(Rec::kLine, "");
    }
    if (headers_.hops() == 0) {
        message_.reject(kCleanupBad, "no Received: header");
    }
}

}  // namespace relais::cleanup
