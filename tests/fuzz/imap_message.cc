// Fuzz target: messages as IMAP shows them: structure, envelope, sections, decoding.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/imap/base_subject.h"
#include "lib/imap/binary_part.h"
#include "lib/imap/charset.h"
#include "lib/imap/envelope.h"
#include "lib/imap/header_fields.h"
#include "lib/imap/message_ids.h"
#include "lib/imap/mime_tree.h"
#include "lib/imap/preview.h"
#include "lib/imap/section.h"
#include "lib/imap/sort_program.h"
#include "lib/imap/thread.h"
#include "lib/mail/casemap.h"

using namespace relais;
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

// Messages that refer to each other as the bytes say: each comes out once.
void thread(std::string_view bytes) {
    constexpr std::uint32_t kIds = 16;
    std::vector<std::uint32_t> ids(bytes.begin(), bytes.end());
    std::ranges::for_each(ids, [](std::uint32_t& id) { id %= kIds; });
    std::vector<ThreadMessage> messages;
    for (std::size_t i = 0; i + 4 <= ids.size(); i += 4) {
        ThreadMessage message;
        message.number = static_cast<std::uint32_t>(messages.size() + 1);
        message.id = ids[i] == 0 ? ThreadMessage::kNoId : ids[i];
        message.references = std::span(ids).subspan(i + 1, ids[i + 1] % 3);
        message.time = ids[i + 3];
        message.subject = ids[i + 2] % 4;
        message.is_reply = ids[i + 3] % 2 == 0;
        messages.push_back(message);
    }
    for (auto algorithm :
         {ThreadAlgorithm::kOrderedSubject, ThreadAlgorithm::kReferences, ThreadAlgorithm::kRefs}) {
        std::string text = thread_messages(algorithm, messages, kIds);
        std::vector<bool> seen(messages.size() + 1, false);
        std::size_t count = 0;
        for (std::string_view word : split_words(text, " ()")) {
            std::size_t number = parse_uint(word).value_or(0);
            if (number == 0 || number > messages.size() || seen[number]) {
                std::abort();
            }
            seen[number] = true;
            ++count;
        }
        if (count != messages.size()) {
            std::abort();
        }
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
    (void)unicode_casemap(decode_header(message));
    (void)decode_transfer(message, "base64");
    (void)decode_transfer(message, "quoted-printable");
    (void)base_subject(message);
    (void)sort_text(SortKey::kDisplayFrom, message);
    thread(message);
    (void)parse_message_ids(message, 10);
    (void)make_preview(message, root);
    // What is encoded for storing decodes to what it was.
    std::string stored = encode_binary_parts(message);
    auto before = decode_part(message, root, PartHeader::kLeaveOut);
    auto after = decode_part(stored, parse_mime(stored), PartHeader::kLeaveOut);
    if (before && root.children.empty() && stored == message && after->bytes != before->bytes) {
        std::abort();
    }
    return 0;
}
