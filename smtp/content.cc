#include "smtp/content.h"

#include <memory>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/utf8_mode.h"
#include "lib/mail/mime_parser.h"
#include "lib/queue/record_reader.h"
#include "lib/smtp/data_encoder.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

namespace {

constexpr std::size_t kPiece = 65536;
constexpr std::size_t kLineInLog = 200;

// What the MIME parser gives out for one line of input, waiting to be sent: the rewriting of a
// header may take a while.
class ParsedLines : public MimeSink {
  public:
    struct Piece {
        std::string text;
        LinePart part = LinePart::kWhole;
        const CheckTable* table = nullptr;  // that has a say, or null
        bool is_header = false;
    };

    explicit ParsedLines(const ContentChecks* checks) : checks_(checks) {}

    void header(HeaderContext context, const HeaderInfo* info, std::string text) override {
        Piece piece;
        piece.text = std::move(text);
        piece.is_header = true;
        piece.table = checks_ != nullptr ? &checks_->for_header(context, info) : nullptr;
        pieces.push_back(std::move(piece));
    }

    void end_of_headers(HeaderContext /*context*/) override {}

    void body(std::string_view line, LinePart part) override {
        Piece piece;
        piece.text = line;
        piece.part = part;
        piece.table = checks_ != nullptr ? &checks_->for_body() : nullptr;
        pieces.push_back(std::move(piece));
    }

    std::vector<Piece> pieces;

  private:
    const ContentChecks* checks_;
};

class Sender {
  public:
    explicit Sender(const ContentOptions& options)
        : encoder_(options.line_limit),
          generic_(options.generic),
          queue_id_(options.queue_id),
          parsed_(options.checks) {
        if (options.to_7bit || generic_ != nullptr || options.checks != nullptr) {
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

    // Whole lines, as they are.
    void put_lines(std::string_view text);

    void plain_line(const ContentReader::Line& line) {
        encoder_.line(line.text, part_of(line), out_);
    }

    [[nodiscard]] Task<void> parse_line(std::string_view text, LinePart part) {
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
    [[nodiscard]] Task<bool> check(ParsedLines::Piece* piece);

    std::string out_;
    smtp::DataEncoder encoder_;
    const Generic* generic_;
    std::string queue_id_;  // for the log
    ParsedLines parsed_;
    std::unique_ptr<MimeParser> parser_;
};

void Sender::put_lines(std::string_view text) {
    for (std::string_view line : split_fields(text, '\n')) {
        encoder_.line(line, LinePart::kWhole, out_);
    }
}

// Does what a table says about a header or a line.  False: it is not sent.
Task<bool> Sender::check(ParsedLines::Piece* piece) {
    auto said = co_await piece->table->lookup(piece->text);
    if (!said) {
        log_warning("{}: smtp {} checks lookup error", queue_id_,
                    piece->is_header ? "header" : "body");
        throw TableFailure(said.error().message);
    }
    const CheckVerb verb = said->verb;
    if (verb != CheckVerb::kDunno && verb != CheckVerb::kIgnore) {
        auto line = format("{}: {}: {} {}", queue_id_, check_log_word(verb),
                           piece->is_header ? "header" : "body",
                           std::string_view(piece->text).substr(0, kLineInLog));
        line += said->text.empty() ? "" : ": " + said->text;
        log_line(Severity::kInfo, printable(line, '?', utf8_mode()));
    }
    if (verb == CheckVerb::kPrepend) {
        put_lines(said->text);
    } else if (verb == CheckVerb::kReplace) {
        piece->text = std::move(said->text);
    }
    co_return verb != CheckVerb::kIgnore&& verb != CheckVerb::kStrip;
}

Task<void> Sender::put_pieces() {
    for (ParsedLines::Piece& piece : parsed_.pieces) {
        const bool checked = piece.table != nullptr && !piece.table->empty();
        const bool kept = !checked || co_await check(&piece);
        if (!kept) {
            continue;
        }
        if (!piece.is_header) {
            encoder_.line(piece.text, piece.part, out_);
            continue;
        }
        if (generic_ != nullptr) {
            piece.text = co_await generic_->header(std::move(piece.text));
        }
        put_lines(piece.text);
    }
    parsed_.pieces.clear();
}

constexpr std::string_view kEndOfData = ".\r\n";

Task<void> pass_on(Stream* stream, std::string_view bytes, RateDeadline* deadline) {
    stream->write(bytes);
    co_await stream->flush();
    if (deadline != nullptr) {
        deadline->credit(bytes.size());
    }
}

}  // namespace

Task<Result<void>> send_content(Stream* stream, int queue_fd, std::int64_t data_offset,
                                ContentOptions options) {
    ContentReader content(queue_fd, data_offset);
    Sender sender(options);
    if (!options.headers.empty()) {
        sender.put_lines(trim_right(options.headers, "\n"));
    }
    for (;;) {
        auto line = content.next();
        if (!line) {
            co_return fail_with(line);
        }
        if (!line->has_value()) {
            break;
        }
        if (sender.parses()) {
            co_await sender.parse_line((*line)->text, Sender::part_of(**line));
        } else {
            sender.plain_line(**line);
        }
        if (sender.out().size() >= kPiece) {
            co_await pass_on(stream, sender.out(), options.deadline);
            sender.out().clear();
        }
    }
    co_await sender.finish();
    if (sender.broke_lines()) {
        log_info("{}: breaking line > {} bytes with <CR><LF>SPACE", options.queue_id,
                 options.line_limit);
    }
    std::string_view rest = sender.out();
    if (options.pause.count() > 0) {
        rest.remove_suffix(kEndOfData.size());
        co_await pass_on(stream, rest, options.deadline);
        co_await sleep_for(options.pause);
        rest = kEndOfData;
    }
    stream->write(rest);
    co_return Result<void>();
}

}  // namespace relais::smtp_client
