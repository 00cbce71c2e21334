// Fuzz target: the MIME structure of a message.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/mail/mime_parser.h"

using namespace relais;

namespace {

class Counter : public MimeSink {
  public:
    void header(HeaderContext, const HeaderInfo*, std::string text) override {
        bytes += text.size();
    }

    void end_of_headers(HeaderContext) override {}

    void body(std::string_view line, LinePart) override { bytes += line.size(); }

    std::size_t bytes = 0;
};

void parse(std::string_view text, MimeOptions::Convert convert) {
    MimeOptions options;
    options.nesting_limit = 10;
    options.header_limit = 1000;
    options.convert = convert;
    Counter counter;
    MimeParser parser(options, counter);
    for (auto line : split_fields(text, '\n')) {
        constexpr std::size_t kPiece = 100;
        while (line.size() > kPiece) {
            parser.line(line.substr(0, kPiece), LinePart::kPartial);
            line.remove_prefix(kPiece);
        }
        parser.line(line);
    }
    parser.finish();
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    parse(text, MimeOptions::Convert::kNo);
    parse(text, MimeOptions::Convert::kTo7bit);
    return 0;
}
