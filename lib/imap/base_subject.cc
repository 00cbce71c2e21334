#include "lib/imap/base_subject.h"

#include "lib/base/strings.h"
#include "lib/imap/charset.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

// What is taken off is taken off piece by piece: the work grows with the square of the length.
constexpr std::size_t kLongest = 4096;

std::string_view without_blanks(std::string_view text) {
    return trim_left(text, " \t");
}

// subj-blob: "[" and anything but brackets and "]", blanks.
bool take_blob(std::string_view& text) {
    if (!text.starts_with('[')) {
        return false;
    }
    auto end = text.find_first_of("[]", 1);
    if (end == std::string_view::npos || text[end] != ']') {
        return false;
    }
    text = without_blanks(text.substr(end + 1));
    return true;
}

// subj-refwd: "re", "fw" or "fwd", blanks, a blob perhaps, ":"
bool take_refwd(std::string_view& text) {
    std::size_t word = istarts_with(text, "fwd")                              ? 3
                       : istarts_with(text, "fw") || istarts_with(text, "re") ? 2
                                                                              : 0;
    std::string_view rest = without_blanks(text.substr(word));
    if (word == 0) {
        return false;
    }
    take_blob(rest);
    if (!rest.starts_with(':')) {
        return false;
    }
    text = rest.substr(1);
    return true;
}

// subj-leader: blanks, or blobs and a refwd
bool take_leader(std::string_view& text, bool& is_reply) {
    std::string_view rest = without_blanks(text);
    if (rest.size() < text.size()) {
        text = rest;
        return true;
    }
    while (take_blob(rest)) {
    }
    if (!take_refwd(rest)) {
        return false;
    }
    is_reply = true;
    text = rest;
    return true;
}

// subj-trailer: blanks, "(fwd)"
void drop_trailers(std::string_view& text, bool& is_reply) {
    for (;;) {
        text = trim_right(text, " \t");
        if (!iends_with(text, "(fwd)")) {
            return;
        }
        text.remove_suffix(5);
        is_reply = true;
    }
}

}  // namespace

BaseSubject base_subject(std::string_view raw) {
    std::string whole = single_blanks(decode_header(unfold(raw.substr(0, kLongest))));
    std::string_view text = std::string_view(whole).substr(0, kLongest);
    BaseSubject base;
    for (;;) {
        drop_trailers(text, base.is_reply);
        for (bool more = true; more;) {
            while (take_leader(text, base.is_reply)) {
            }
            std::string_view rest = text;
            more = take_blob(rest) && !rest.empty();
            text = more ? rest : text;
        }
        if (!istarts_with(text, "[fwd:") || !text.ends_with(']')) {
            base.text = std::string(text);
            return base;
        }
        text = text.substr(5, text.size() - 6);
        base.is_reply = true;
    }
}

}  // namespace relais::imap
