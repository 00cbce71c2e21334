// Fuzz target: a queue file of arbitrary bytes, read as qmgr and the delivery agents read it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <sys/mman.h>

#include "lib/base/file.h"
#include "lib/base/unique_fd.h"
#include "lib/queue/envelope.h"
#include "lib/queue/record.h"
#include "lib/queue/record_reader.h"

#include "tests/fuzz/support/records.h"

using namespace relais;

namespace {

UniqueFd in_memory(std::string_view file) {
    UniqueFd fd(::memfd_create("queue_file", MFD_CLOEXEC));
    if (!write_all(fd.get(), file)) {
        std::abort();
    }
    return fd;
}

// In portions come the same recipients as at once.
void read_in_portions(std::string_view file) {
    const UniqueFd fd = in_memory(file);
    const EnvelopeLimits portion{.recipients = 3, .attributes = 20};
    auto whole = parse_envelope(file, {.recipients = 100000, .attributes = 20});
    auto message = read_envelope(fd.get(), portion);
    if (!message) {
        return;
    }
    std::size_t count = message->recipients.size();
    while (message->resume_offset != 0) {
        if (!read_more_recipients(fd.get(), *message, portion)) {
            return;
        }
        count += message->recipients.size();
    }
    if (whole && whole->recipients.size() != count) {
        std::abort();
    }
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_records(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view file(reinterpret_cast<const char*>(data), size);
    auto envelope = parse_envelope(file, {.recipients = 5, .attributes = 20});
    ContentReader content(file, envelope ? envelope->size.data_offset : 0);
    for (auto line = content.next(); line && *line; line = content.next()) {
    }
    RecordReader raw(file, RecordReader::Follow::kRaw);
    for (auto record = raw.next(); record && *record; record = raw.next()) {
        (void)parse_size_record((*record)->data);
    }
    read_in_portions(file);
    return 0;
}
