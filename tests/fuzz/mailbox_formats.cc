// Fuzz target: mbox files and their plans, Dovecot's indexes and dbox files, mail locations.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/event/gunzip.h"
#include "lib/store/compressed_message.h"
#include "lib/store/dbox_file.h"
#include "lib/store/dovecot_index.h"
#include "lib/store/mail_location.h"
#include "lib/store/mail_tree.h"
#include "lib/store/mbox_format.h"
#include "lib/store/mbox_rewrite.h"
#include "lib/store/mbox_scan.h"

#include "tests/fuzz/support/conversation.h"

using namespace relais;

namespace {

using fuzz::put;
using fuzz::scratch;

// Messages follow each other without a gap, and marks do not change where they end.
void read_mbox(std::string_view text) {
    auto fd = open_file(put("box", text), O_RDWR);
    if (!fd) {
        return;
    }
    std::uint64_t at = 0;
    auto found = [&](const MboxSpan& span, const MboxHeader& header) {
        if (span.from_at != at || span.end <= at || span.end > text.size() ||
            span.head > span.body || span.body_at() > span.content_end()) {
            std::abort();
        }
        at = span.end;
        std::string_view raw = text.substr(span.head_at(), span.body - span.head);
        std::string marked = mark_mbox_header(raw, {7, 0, true, {}}, header.base, raw.size());
        if (parse_mbox_header(marked).marks.uid != 7 || marked.size() < raw.size()) {
            std::abort();
        }
        (void)visible_mbox_header(raw);
    };
    (void)MboxScan(fd->get(), text.size()).run(0, found);
    put("plan", text);
    (void)finish_mbox_plan(fd->get(), scratch() + "/plan");
}

// A name that is accepted lies below the root, whatever its separator and its encoding on disk.
void name_in_directories(std::string_view name) {
    for (const char* location : {"maildir:/m:LAYOUT=fs", "maildir:/m:LAYOUT=fs:UTF-8", "mbox:/m"}) {
        for (char separator : {'/', '.'}) {
            auto tree = make_mail_tree(parse_mail_location(location, "bob", "/").value(), separator,
                                       "host");
            const std::string path = tree->place_of(name).directory + "/";
            const bool leads_out = !path.starts_with("/m/") || path.contains("/../") ||
                                   path.contains("/./") || path.contains('\0');
            if (tree->invalid_because(name).empty() && leads_out) {
                std::abort();
            }
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 7) {
        case 0:
            read_mbox(text);
            break;
        case 1: {
            const std::string path = put("index", text.substr(0, text.size() / 2));
            put("index.log", text.substr(text.size() / 2));
            (void)DovecotIndex::load(path);
            break;
        }
        case 2: {
            const std::string path = put("index", "");
            put("index.log", text);
            (void)DovecotIndex::load(path);
            break;
        }
        case 3:
            (void)read_dbox_message(put("u.1", text), 0, DboxText::kRead);
            (void)read_dbox_message(scratch() + "/u.1", text.size() / 2, DboxText::kRead);
            break;
        case 4:
            (void)plain_message(std::string(text), "message");
            (void)gunzip("\x1f\x8b\x08" + std::string(text), std::size_t{1} << 20);
            break;
        case 5:
            name_in_directories(text);
            break;
        default:
            (void)parse_mail_location(text, "bob", "/home/bob");
            (void)parse_from_line(text);
            break;
    }
    return 0;
}
