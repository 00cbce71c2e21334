#include "smtp/content.h"

#include <memory>

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/mime_parser.h"
#include "lib/queue/record_reader.h"
#include "lib/smtp/data_encoder.h"

namespace relais::smtp_client {

namespace {

constexpr std::size_t kPiece = 65536;

// What the MIME parser gives out, as lines for the server.
class ConvertedLines : public MimeSink {
  public:
    ConvertedLines(smtp::DataEncoder& encoder, std::string& out) : encoder_(encoder), out_(out) {}

    void header(HeaderContext /*context*/, const HeaderInfo* /*info*/, std::string text) override {
        for (std::string_view line : split_fields(text, '\n')) {
            encoder_.line(line, LinePart::kWhole, out_);
        }
    }

    void end_of_headers(HeaderContext /*context*/) override {}

    void body(std::string_view line, LinePart part) override { encoder_.line(line, part, out_); }

  private:
    smtp::DataEncoder& encoder_;
    std::string& out_;
};

class Sender {
  public:
    explicit Sender(const ContentOptions& options)
        : encoder_(options.line_limit), lines_(encoder_, out_) {
        if (options.to_7bit) {
            MimeOptions mime;
            mime.nesting_limit = static_cast<std::size_t>(conf().mime_nesting_limit());
            mime.boundary_limit = static_cast<std::size_t>(conf().mime_boundary_length_limit());
            mime.header_limit = static_cast<std::size_t>(conf().header_size_limit());
            mime.convert = MimeOptions::Convert::kTo7bit;
            parser_ = std::make_unique<MimeParser>(mime, lines_);
        }
    }

    void line(const ContentReader::Line& line) {
        LinePart part = line.complete ? LinePart::kWhole : LinePart::kPartial;
        if (parser_) {
            parser_->line(line.text, part);
        } else {
            encoder_.line(line.text, part, out_);
        }
    }

    void finish() {
        if (parser_) {
            parser_->finish();
        }
        encoder_.finish(out_);
    }

    std::string& out() { return out_; }

  private:
    std::string out_;
    smtp::DataEncoder encoder_;
    ConvertedLines lines_;
    std::unique_ptr<MimeParser> parser_;
};

}  // namespace

Task<Result<void>> send_content(Stream* stream, int queue_fd, std::int64_t data_offset,
                                ContentOptions options) {
    ContentReader content(queue_fd, data_offset);
    Sender sender(options);
    for (;;) {
        auto line = content.next();
        if (!line) {
            co_return fail_with(line);
        }
        if (!line->has_value()) {
            break;
        }
        sender.line(**line);
        if (sender.out().size() >= kPiece) {
            stream->write(sender.out());
            sender.out().clear();
            co_await stream->flush();
        }
    }
    sender.finish();
    stream->write(sender.out());
    co_return Result<void>();
}

}  // namespace relais::smtp_client
