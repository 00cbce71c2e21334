// Fuzz target: messages as IMAP shows them: structure, envelope, sections, decoding.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/imap/charset.h"
#include "lib/imap/envelope.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/section.h"

using namespace relais::imap;

namespace {

// Every part can be cut out, and comes out as long as it says.
void cut_parts(std::string_view message, const MimePart& root, const MimePart& part,
               std::vector<std::uint32_t> path) {
    for (auto kind : {Section::Kind::kAll, Section::Kind::kHeader, Section::Kind::kText,
                      Section::Kind::kMime}) {
        Section section;
        section.path = path;
        section.kind = kind;
        auto text = cut_section(message, root, section);
        if (!text) {
            continue;
        }
        std::string out;
        text->append(out, 0, text->wire_size());
        std::string pieces;
        WireReader reader = text->reader();
        reader.read(pieces, text->wire_size() / 2);
        reader.read(pieces, text->wire_size());
        if (out.size() != text->wire_size() || pieces != out) {
            std::abort();
        }
    }
    for (std::uint32_t i = 0; i < part.children.size() && path.size() < 4; ++i) {
        path.push_back(i + 1);
        cut_parts(message, root, part.children[i], path);
        path.pop_back();
    }
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    MimePart root = parse_mime(message);
    if (root.end.offset != size || root.end.wire() != wire_size(message)) {
        std::abort();
    }
    std::string out;
    append_envelope(out, message.substr(0, root.body.offset));
    append_body(out, message, root, BodyForm::kBodyStructure);
    append_body(out, message, root, BodyForm::kBody);
    cut_parts(message, root, root, {});
    (void)fold_case(decode_header(message));
    (void)decode_transfer(message, "base64");
    (void)decode_transfer(message, "quoted-printable");
    return 0;
}
