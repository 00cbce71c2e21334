// The text of mbox files: From_ lines, and the header fields in which Dovecot (and before it
// UW-IMAP) keeps UIDs, flags and keywords.
//
//     From sender@example.org  Mon Nov  6 10:00:00 2023
//     X-IMAPbase: <uidvalidity> <last uid, ten digits> <keyword> ...      in the first message
//     X-UID: <uid>
//     Status: RO                R \Seen, O no longer recent
//     X-Status: AFDT            \Answered \Flagged \Deleted \Draft
//     X-Keywords: <keyword> ...
//
// X-IMAP in place of X-IMAPbase marks a message that is none: it keeps the numbers of a mailbox
// that is empty otherwise.  One that came by mail is a message all the same.  Clients see none of
// these fields, nor Content-Length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

// The last UID of an mbox.  A file that tells a later one is not believed in that, for a stranger
// may have written it; what would need one begins anew.
inline constexpr std::uint32_t kLastMboxUid = (1U << 30) - 1;

// What the first message says of the mailbox.
struct MboxBase {
    std::uint32_t uid_validity = 0;
    std::uint32_t last_uid = 0;
    std::vector<std::string> keywords{};
    bool internal = false;  // X-IMAP

    friend bool operator==(const MboxBase&, const MboxBase&) = default;
};

// What a message's header says of it.
struct MboxMarks {
    std::uint32_t uid = 0;    // 0: none
    std::uint8_t system = 0;  // MessageFlags
    bool old = false;         // somebody has seen that it is there
    std::vector<std::string> keywords{};
};

struct MboxHeader {
    MboxMarks marks;
    std::optional<MboxBase> base;
    std::optional<std::uint64_t> content_length;
    bool travelled = false;  // somebody has sent it: it has fields of its way
};

// The time in a From_ line ("From " included, line end or not); nothing where it is none.
[[nodiscard]] std::optional<std::int64_t> parse_from_line(std::string_view line);

// "From sender  Mon Nov  6 10:00:00 2023\n"; the time is local.
[[nodiscard]] std::string format_from_line(std::string_view sender, std::int64_t time);

// Of a header, with or without the empty line at its end.
[[nodiscard]] MboxHeader parse_mbox_header(std::string_view header);

// The header as clients see it.
[[nodiscard]] std::string visible_mbox_header(std::string_view header);

// The header with these marks in place of its own.  It takes at least `room` bytes, filled up with
// blanks; one that has to be longer gets some more, for marks to come.
[[nodiscard]] std::string mark_mbox_header(std::string_view header, const MboxMarks& marks,
                                           const std::optional<MboxBase>& base, std::size_t room);

// The message that is none.
[[nodiscard]] std::string internal_mbox_message(const MboxBase& base, std::string_view host,
                                                std::int64_t time);

}  // namespace relais
