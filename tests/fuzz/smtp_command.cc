// Fuzz target: command lines, envelope parameters and data as an SMTP server reads them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/smtp/command_line.h"
#include "lib/smtp/data_decoder.h"
#include "lib/smtp/data_encoder.h"
#include "lib/smtp/envelope_command.h"

using namespace relais;
using namespace relais::smtp;

namespace {

void read_command(std::string_view text) {
    const auto command = parse_command_line(text);
    (void)parse_mail_parameters(command, {});
    (void)parse_rcpt_parameters(command, {});
    for (const auto& word : command.arguments) {
        (void)parse_path(word.text, PathSyntax::kLenient, EmptyPath::kAllowed);
        (void)parse_path(word.text, PathSyntax::kStrict, EmptyPath::kRefused);
    }
}

// What is decoded, encoded and decoded again comes out the same.
void round_trip(std::string_view input, BareNewline mode) {
    constexpr std::size_t kLimit = 64;
    DataDecoder decoder(mode, kLimit);
    DataEncoder encoder;
    std::string wire;
    std::string content;
    for (;;) {
        DataDecoder::Line line;
        const auto step = decoder.next(input, line);
        if (step != DataDecoder::Step::kLine) {
            break;
        }
        encoder.line(line.text, line.part, wire);
        content += line.text;
        content += line.part == LinePart::kWhole ? "\n" : "";
    }
    encoder.finish(wire);
    DataDecoder again(mode, kLimit);
    std::string_view rest = wire;
    std::string second;
    for (;;) {
        DataDecoder::Line line;
        const auto step = again.next(rest, line);
        if (step == DataDecoder::Step::kNeedMore) {
            __builtin_trap();
        }
        if (step == DataDecoder::Step::kEnd) {
            break;
        }
        second += line.text;
        second += line.part == LinePart::kWhole ? "\n" : "";
    }
    if (!content.empty() && !content.ends_with('\n')) {
        content += '\n';
    }
    // A bare CR at the end of a line is the one byte that a line end swallows.
    if (second != content && content.find('\r') == std::string::npos) {
        __builtin_trap();
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto line : split_fields(text, '\n')) {
        read_command(line);
    }
    round_trip(text, BareNewline::kNormalize);
    round_trip(text, BareNewline::kAccept);
    return 0;
}
