#include "smtp/content.h"

#include <memory>
#include <vector>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/mime_parser.h"
#include "lib/queue/record_reader.h"
#include "lib/smtp/data_encoder.h"

namespace relais::smtp_client {

namespace {

constexpr std::size_t kPiece = 65536;

// What the MIME parser gives out for one line of input, waiting to be sent: the rewriting of a
// header may take a while.
class ParsedLines : public MimeSink {
  public:
    struct Piece {
        std::string text;
        LinePart part = LinePart::kWhole;
        bool is_header = false;
    };

    void header(HeaderContext /*context*/, const HeaderInfo* /*info*/, std::string text) override {
        Piece piece;
        piece.text = std::move(text);
        piece.is_header = true;
        pieces.push_back(std::move(piece));
    }

    void end_of_headers(HeaderContext /*context*/) override {}

    void body(std::string_view line, LinePart part) override {
        Piece piece;
        piece.text = line;
        piece.part = part;
        pieces.push_back(std::move(piece));
    }

    std::vector<Piece> pieces;
};

class Sender {
  public:
    explicit Sender(const ContentOptions& options)
        : encoder_(options.line_limit), generic_(options.generic) {
        if (options.to_7bit || generic_ != nullptr) {
            MimeOptions mime;
            mime.nesting_limit = static_cast<std::size_t>(conf().mime_nesting_limit());
            mime.boundary_limit = static_cast<std::size_t>(conf().mime_boundary_length_limit());
            mime.header_limit = static_cast<std::size_t>(conf().header_size_limit());
            if (options.to_7bit) {
                mime.convert = MimeOptions::Convert::kTo7bit;
            }
            parser_ = std::make_unique<MimeParser>(mime, parsed_);
        }
    }

    bool parses() const { return parser_ != nullptr; }

    void plain_line(const ContentReader::Line& line) {
        encoder_.line(line.text, part_of(line), out_);
    }

    [[nodiscard]] Task<void> parse_line(std::string text, LinePart part) {
        parser_->line(text, part);
        return put_pieces();
    }

    [[nodiscard]] Task<void> finish() {
        if (parser_) {
            parser_->finish();
            co_await put_pieces();
        }
        encoder_.finish(out_);
    }

    static LinePart part_of(const ContentReader::Line& line) {
        return line.complete ? LinePart::kWhole : LinePart::kPartial;
    }

    std::string& out() { return out_; }

    bool broke_lines() const { return encoder_.breaks() > 0; }

  private:
    [[nodiscard]] Task<void> put_pieces();

    std::string out_;
    smtp::DataEncoder encoder_;
    const Generic* generic_;
    ParsedLines parsed_;
    std::unique_ptr<MimeParser> parser_;
};

Task<void> Sender::put_pieces() {
    for (ParsedLines::Piece& piece : parsed_.pieces) {
        if (!piece.is_header) {
            encoder_.line(piece.text, piece.part, out_);
            continue;
        }
        if (generic_ != nullptr) {
            piece.text = co_await generic_->header(std::move(piece.text));
        }
        for (std::string_view line : split_fields(piece.text, '\n')) {
            encoder_.line(line, LinePart::kWhole, out_);
        }
    }
    parsed_.pieces.clear();
}

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
        if (sender.parses()) {
            co_await sender.parse_line(std::string((*line)->text), Sender::part_of(**line));
        } else {
            sender.plain_line(**line);
        }
        if (sender.out().size() >= kPiece) {
            stream->write(sender.out());
            sender.out().clear();
            co_await stream->flush();
        }
    }
    co_await sender.finish();
    if (sender.broke_lines()) {
        log_info("{}: breaking line > {} bytes with <CR><LF>SPACE", options.queue_id,
                 options.line_limit);
    }
    stream->write(sender.out());
    co_return Result<void>();
}

}  // namespace relais::smtp_client
