#include "tests/fuzz/support/records.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/queue/record.h"

// libFuzzer's own mutations.
extern "C" std::size_t LLVMFuzzerMutate(  // NOLINT(readability-identifier-naming)
    std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace relais::fuzz {

namespace {

constexpr std::size_t kLongestRecord = 1 << 16;

struct OwnedRecord {
    Rec type;
    std::string data;
};

// The records from the front, up to the first that is none.
std::vector<OwnedRecord> records_of(std::string_view file) {
    std::vector<OwnedRecord> records;
    for (;;) {
        DecodeResult next = decode_record(file, kLongestRecord);
        if (next.status != Decoded::kRecord) {
            return records;
        }
        records.push_back({next.record.type, std::string(next.record.data)});
        file.remove_prefix(next.used);
    }
}

OwnedRecord made_up_record(std::minstd_rand& random) {
    constexpr std::string_view kTypes = "CTcFILSRDO/WAK>fdmMNwXrePpV<ionE";
    constexpr auto kTexts =
        std::to_array<std::string_view>({"",
                                         "a@b.test",
                                         "notify_flags=4",
                                         "dsn_orig_rcpt=rfc822;a@b.test",
                                         "0",
                                         "100",
                                         "1795247898 402779",
                                         "            100             100               1          "
                                         "     0             100               0",
                                         "Received: by x",
                                         "Subject: x",
                                         "X-Hold: x",
                                         "To: Bob <bob@mail.test>, ann@example.org",
                                         "From: =?utf-8?q?=C3=A4?= <ann>",
                                         " folded",
                                         "MIME-Version: 1.0",
                                         "Content-Type: multipart/mixed; boundary=b",
                                         "--b",
                                         "--b--",
                                         "replace",
                                         "log_ident=x",
                                         "rewrite_context=local"});
    const auto type = static_cast<Rec>(kTypes[random() % kTypes.size()]);
    if (type == Rec::kPointer) {
        std::string text = std::to_string(random() % 300);
        return {type, std::string(15 - text.size(), ' ') + text};
    }
    return {type, std::string(kTexts[random() % kTexts.size()])};
}

void change(std::vector<OwnedRecord>& records, std::minstd_rand& random) {
    const auto at = records.begin() + static_cast<std::ptrdiff_t>(random() % (records.size() + 1));
    if (at == records.end() || random() % 2 == 0) {
        records.insert(at, made_up_record(random));
    } else if (random() % 2 == 0) {
        records.erase(at);
    } else {
        *at = made_up_record(random);
    }
}

}  // namespace

std::size_t mutate_records(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           unsigned seed) {
    std::minstd_rand random(seed);
    if (random() % 3 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    auto records = records_of({reinterpret_cast<const char*>(data), size});
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
        change(records, random);
    }
    std::string file;
    for (const OwnedRecord& record : records) {
        append_record(file, record.type, record.data);
    }
    const std::size_t fits = std::min(file.size(), max_size);
    std::copy_n(file.data(), fits, data);
    return fits;
}

}  // namespace relais::fuzz
