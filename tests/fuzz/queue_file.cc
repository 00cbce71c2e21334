// Fuzz target: a queue file of arbitrary bytes, read as qmgr and the delivery agents read it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/queue/envelope.h"
#include "lib/queue/record_reader.h"

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view file(reinterpret_cast<const char*>(data), size);
    auto envelope = relais::parse_envelope(file, {.recipients = 5, .attributes = 20});
    relais::ContentReader content(file, envelope ? envelope->size.data_offset : 0);
    for (auto line = content.next(); line && *line; line = content.next()) {
    }
    relais::RecordReader raw(file, relais::RecordReader::Follow::kRaw);
    for (auto record = raw.next(); record && *record; record = raw.next()) {
    }
    return 0;
}
