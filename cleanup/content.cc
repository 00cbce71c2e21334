#include "cleanup/content.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::cleanup {

namespace {

// Filters get headers in packets of 64 kbytes.
constexpr std::size_t kEditableHeader = 60000;

MimeOptions mime_options(const Config& config, bool editable) {
    MimeOptions options;
    options.nesting_limit = static_cast<std::size_t>(config.mime_nesting_limit());
    options.boundary_limit = static_cast<std::size_t>(config.mime_boundary_length_limit());
    options.header_limit = static_cast<std::size_t>(config.header_size_limit());
    if (editable) {
        options.header_limit = std::min(options.header_limit, kEditableHeader);
    }
    if (config.disable_mime_input_processing()) {
        options.structure = MimeOptions::Structure::kIgnore;
    } else if (config.force_mime_input_conversion()) {
        options.convert = MimeOptions::Convert::kTo7bit;
    }
    return options;
}

}  // namespace

Content::Content(Service& service, Message& message)
    : service_(service),
      message_(message),
      headers_(service, message),
      checks_(service, message),
      parser_(mime_options(service.config, message.editable), *this) {
}

void Content::take_line(Rec type, std::string_view line) {
    // Two quick searches: one for either byte looks at each of a message's bytes by itself.
    if ((line.contains('\n') || line.contains('\r')) &&
        service_.config.cleanup_replace_stray_cr_lf()) {
        scratch_ = line;
        std::ranges::replace_if(scratch_, [](char c) { return c == '\r' || c == '\n'; }, ' ');
        line = scratch_;
    }
    if ((message_.flags & kCleanupFilter) != 0) {
        if (service_.refused_characters.any_in(line)) {
            checks_.refuse_characters(line);
            return;
        }
        if (service_.stripped_characters.any_in(line)) {
            scratch_ = std::string(line);
            service_.stripped_characters.strip(scratch_);
            line = scratch_;
        }
    }
    parser_.line(line, type == Rec::kLine ? LinePart::kWhole : LinePart::kPartial);
}

void Content::header(HeaderContext context, const HeaderInfo* info, std::string text) {
    Event header{
        .kind = Event::Kind::kHeader, .text = std::move(text), .info = info, .context = context};
    const CheckTable* table = checks_.for_header(context, info);
    if (!events_.empty() || (table != nullptr && table->waits())) {
        events_.push_back(std::move(header));
        return;
    }
    header.checked = true;
    if (table != nullptr && !judge(header, table->find(header.text))) {
        return;
    }
    if (!put_header(header)) {
        events_.push_back(std::move(header));
    }
}

void Content::end_of_headers(HeaderContext context) {
    if (context != HeaderContext::kPrimary) {
        return;
    }
    if (events_.empty()) {
        headers_.finish();
    } else {
        events_.push_back({.kind = Event::Kind::kEndOfHeaders, .text = {}});
    }
}

void Content::body(std::string_view line, LinePart part) {
    const CheckTable* table = checks_.for_body(parser_.body_offset());
    if (!events_.empty() || (table != nullptr && table->waits())) {
        events_.push_back({.kind = Event::Kind::kBody,
                           .text = std::string(line),
                           .part = part,
                           .offset = parser_.body_offset()});
    } else if (table != nullptr) {
        put_checked_body(line, part, table->find(line));
    } else {
        put_body(line, part);
    }
}

void Content::problem(unsigned problem, std::string_view text) {
    if ((problem & service_.refused_mime) != 0 && (message_.flags & kCleanupFilter) != 0) {
        checks_.log_mime_error(problem, text);
    } else if (problem == kMimeNonEmptyEnd && service_.adds_mime_error) {
        header(HeaderContext::kPrimary, nullptr,
               format("MIME-Error: {}", mime_problem_text(problem)));
    }
}

// One of several problems stands for all of them.
void Content::refuse_for_mime() {
    const unsigned found = parser_.problems() & service_.refused_mime;
    if (found != 0 && (message_.flags & kCleanupFilter) != 0 && message_.reason.empty()) {
        const unsigned first = found & (~found + 1);
        message_.fail(kCleanupContent, format("5.6.0 {}", mime_problem_text(first)));
    }
}

bool Content::judge(Event& header, Result<CheckAction> said) {
    auto outcome = checks_.apply(CheckedPart::kHeader, header.text, std::move(said));
    if (outcome.before && header.context == HeaderContext::kPrimary) {
        headers_.put_lines(*outcome.before);
    } else if (outcome.before) {
        put_part_header(*outcome.before);
    }
    if (outcome.replacement) {
        header.text = std::move(*outcome.replacement);
        header.info = find_header(header.text);
    }
    return !outcome.drop;
}

bool Content::put_header(const Event& header) {
    note_encoding(header.info, header.text);
    if (header.context != HeaderContext::kPrimary) {
        put_part_header(header.text);
    } else if (headers_.holds_addresses(header.info)) {
        return false;
    } else {
        headers_.take(header.info, header.text);
    }
    return true;
}

// 8bit and binary content anywhere makes the message 8bit for its way on.
void Content::note_encoding(const HeaderInfo* info, std::string_view text) {
    if (info == nullptr || info->id != HeaderId::kContentTransferEncoding ||
        !service_.config.detect_8bit_encoding_header()) {
        return;
    }
    // Exactly the word: with a comment or a blank behind it, Postfix does not know it either.
    auto value = trim_left(header_body(text));
    if (iequals(value, "8bit") || iequals(value, "binary")) {
        message_.envelope.encoding = "8bit";
    }
}

void Content::put_part_header(std::string_view rest) {
    headers_.note_utf8(rest);
    for (;;) {
        auto end = rest.find('\n');
        put_body(rest.substr(0, end), LinePart::kWhole);
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

void Content::put_checked_body(std::string_view line, LinePart part, Result<CheckAction> said) {
    auto outcome = checks_.apply(CheckedPart::kBody, line, std::move(said));
    if (outcome.before) {
        put_body(*outcome.before, LinePart::kWhole);
    }
    if (!outcome.drop) {
        put_body(outcome.replacement ? *outcome.replacement : line, part);
    }
}

Task<void> Content::work() {
    while (!events_.empty()) {
        Event event = std::move(events_.front());
        events_.pop_front();
        switch (event.kind) {
            case Event::Kind::kHeader:
                co_await work_on_header(std::move(event));
                break;
            case Event::Kind::kEndOfHeaders:
                headers_.finish();
                break;
            case Event::Kind::kBody:
                co_await work_on_body(std::move(event));
                break;
        }
    }
}

Task<void> Content::work_on_header(Event header) {
    const CheckTable* table =
        header.checked ? nullptr : checks_.for_header(header.context, header.info);
    if (table != nullptr && !message_.skipping()) {
        auto said = co_await table->lookup(header.text);
        if (!judge(header, std::move(said))) {
            co_return;
        }
    }
    if (!put_header(header)) {
        co_await headers_.take_addresses(header.info, std::move(header.text));
    }
}

Task<void> Content::work_on_body(Event line) {
    const CheckTable* table = checks_.for_body(line.offset);
    if (table == nullptr || message_.skipping()) {
        put_body(line.text, line.part);
        co_return;
    }
    auto said = co_await table->lookup(line.text);
    put_checked_body(line.text, line.part, std::move(said));
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
    refuse_for_mime();
    if (service_.config.force_mime_input_conversion() &&
        !service_.config.disable_mime_input_processing()) {
        message_.envelope.encoding = "7bit";
    }
    if (headers_.hops() == 0) {
        message_.reject(kCleanupBad, "no Received: header");
    }
}

}  // namespace relais::cleanup
