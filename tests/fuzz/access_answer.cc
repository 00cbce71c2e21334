// Fuzz target: what access tables and policy servers answer.
#include "lib/smtp/access_answer.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/mail/dsn.h"

using namespace relais;
using namespace relais::smtp;

// The name and the signature are libFuzzer's.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    const auto answer = parse_access_answer(value);
    const bool is_reply = answer.kind == AccessAnswer::Kind::kReply;
    if (is_reply != (answer.code >= 400 && answer.code <= 599) ||
        !value.starts_with(answer.action)) {
        __builtin_trap();
    }
    for (const std::string_view dsn : {"4.7.1", "5.7.1"}) {
        const auto words = refusal_words(answer.text, dsn, "Access denied");
        if (!DsnCode::parse(words.dsn) || words.text.empty()) {
            __builtin_trap();
        }
    }
    return 0;
}
