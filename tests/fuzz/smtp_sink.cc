// Fuzz target: the content that smtp-sink throws away or dumps: in one piece and in two it must be
// the same, and a line of a server's reply as smtp-source reads it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/load/reply_line.h"

#include "tools/smtp-sink/content_scanner.cc"  // NOLINT

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace relais;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    std::string whole;
    smtp_sink::ContentScanner at_once;
    const std::size_t taken = at_once.take(input, &whole);
    const std::size_t middle = size > 0 ? data[0] % size : 0;
    std::string parts;
    smtp_sink::ContentScanner in_parts;
    std::size_t sum = in_parts.take(input.substr(0, middle), &parts);
    if (!in_parts.at_end()) {
        sum += in_parts.take(input.substr(middle), &parts);
    }
    const bool same = whole == parts && taken == sum && at_once.at_end() == in_parts.at_end();
    const bool has_end = input.substr(0, taken).ends_with(".\r\n");
    if (!same || (at_once.at_end() && !has_end) || whole.contains('\r')) {
        std::abort();
    }
    static_cast<void>(load::split_reply_line(input));
    return 0;
}
