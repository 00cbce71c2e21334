// Fuzz target: a BDAT conversation: commands, the chunks behind them, and the lines in these.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/smtp/chunk_decoder.h"

using namespace relais;
using namespace relais::smtp;

namespace {

constexpr std::size_t kLimit = 16;

class Reader {
  public:
    explicit Reader(BareNewline mode) : decoder_(mode, kLimit) {}

    void feed(std::string_view chunk) {
        DataDecoder::Line line;
        while (decoder_.next(chunk, line)) {
            take(line);
        }
        if (!chunk.empty() || decoder_.pending() > kLimit) {
            __builtin_trap();
        }
    }

    std::string finish() {
        DataDecoder::Line line;
        if (decoder_.finish(line)) {
            take(line);
        }
        if (decoder_.pending() != 0) {
            __builtin_trap();
        }
        return text_ + (decoder_.saw_bare_newline() ? "bare" : "clean");
    }

  private:
    void take(const DataDecoder::Line& line) {
        if (line.text.size() > kLimit) {
            __builtin_trap();
        }
        text_ += line.text;
        text_ += line.part == LinePart::kWhole ? "\n" : "";
    }

    ChunkDecoder decoder_;
    std::string text_;
};

// Where the content is cut makes no difference.
void cut_anywhere(std::string_view content, std::size_t seed) {
    for (const auto mode : {BareNewline::kAccept, BareNewline::kReject}) {
        Reader bytes(mode);
        for (std::size_t i = 0; i < content.size(); ++i) {
            bytes.feed(content.substr(i, 1));
        }
        Reader parts(mode);
        for (auto rest = content; !rest.empty();) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            const auto size = std::min<std::size_t>((seed >> 33) % (2 * kLimit) + 1, rest.size());
            parts.feed(rest.substr(0, size));
            rest.remove_prefix(size);
        }
        if (bytes.finish() != parts.finish()) {
            __builtin_trap();
        }
    }
}

// As a server reads it: a command, its bytes, the next command.
void converse(std::string_view input) {
    Reader reader(BareNewline::kNormalize);
    while (!input.empty()) {
        const auto end = input.find('\n');
        const auto chunk = parse_bdat(parse_command_line(input.substr(0, end)));
        if (!chunk || end == std::string_view::npos) {
            return;
        }
        input.remove_prefix(end + 1);
        const auto size = std::min<std::uint64_t>(chunk->size, input.size());
        reader.feed(input.substr(0, size));
        input.remove_prefix(size);
        if (chunk->last) {
            (void)reader.finish();
            return;
        }
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    converse(text);
    cut_anywhere(text, size);
    return 0;
}
