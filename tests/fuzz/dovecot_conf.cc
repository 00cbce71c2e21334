// Fuzz target: a dovecot.conf that is to be taken over, and the flat files that it names.
#include "lib/config/dovecot_conf.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/support/conversation.h"
#include "tools/relais/dovecot_import.h"

using namespace relais;

namespace {

// How deep sections lie in each other.
std::size_t depth_of(const DovecotSection& section) {
    std::size_t deepest = 0;
    for (const DovecotSection& each : section.sections) {
        deepest = std::max(deepest, depth_of(each));
    }
    return deepest + 1;
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("");
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // Other files than this one are none of ours.
    if (text.contains("!include") || text.contains('<') || text.contains('/')) {
        return 0;
    }
    if (auto tree = parse_dovecot_conf(text, "dovecot.conf")) {
        (void)depth_of(*tree);
        (void)DovecotImport::from(*tree, fuzz::scratch());
    }
    (void)load_flat_dovecot_conf(fuzz::put("dovecot-sql.conf.ext", text));
    return 0;
}
