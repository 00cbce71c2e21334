#include "lib/imap/envelope.h"

#include <array>
#include <optional>

#include "lib/base/strings.h"
#include "lib/imap/address_list.h"
#include "lib/imap/format.h"
#include "lib/imap/header_fields.h"

namespace relais::imap {

namespace {

// The fields of an envelope, in the order of their places in it.
enum Place : std::size_t {
    kDate,
    kSubject,
    kFrom,
    kSender,
    kReplyTo,
    kTo,
    kCc,
    kBcc,
    kInReplyTo,
    kMessageId,
    kPlaces
};

constexpr std::array<std::string_view, kPlaces> kNames = {
    "Date", "Subject", "From", "Sender",      "Reply-To",
    "To",   "Cc",      "Bcc",  "In-Reply-To", "Message-ID"};

void append_address(std::string& out, const EnvelopeAddress& address) {
    out += '(';
    append_nstring(out, address.name);
    out += ' ';
    append_nstring(out, address.route);
    out += ' ';
    append_nstring(out, address.mailbox);
    out += ' ';
    append_nstring(out, address.host);
    out += ')';
}

std::string format_addresses(const std::string& raw) {
    auto addresses = parse_address_list(raw);
    if (addresses.empty()) {
        return "NIL";
    }
    std::string out = "(";
    for (const EnvelopeAddress& address : addresses) {
        append_address(out, address);
    }
    return out + ")";
}

// Address fields may be given several times; their lists are joined.  Of others the last counts.
using Fields = std::array<std::optional<std::string>, kPlaces>;

Fields collect_fields(std::string_view header) {
    Fields fields;
    HeaderWalk walk(header);
    while (auto field = walk.next()) {
        for (std::size_t place = 0; place < kPlaces; ++place) {
            if (field->name.size() != kNames[place].size() ||
                !iequals(field->name, kNames[place])) {
                continue;
            }
            bool is_list = place >= kFrom && place <= kBcc;
            if (fields[place] && is_list) {
                *fields[place] += ',';
                *fields[place] += field->value;
            } else {
                fields[place] = field->value;
            }
        }
    }
    return fields;
}

void append_text(std::string& out, const std::optional<std::string>& value) {
    append_nstring(out, value ? std::optional(unfold(*value)) : std::nullopt);
}

// For people to read: runs of blanks count as one.
void append_subject(std::string& out, const std::optional<std::string>& value) {
    if (!value) {
        out += "NIL";
        return;
    }
    append_string(out, single_blanks(unfold(*value)));
}

}  // namespace

void append_envelope(std::string& out, std::string_view header) {
    Fields fields = collect_fields(header);
    std::string from = fields[kFrom] ? format_addresses(*fields[kFrom]) : "NIL";
    out += '(';
    append_text(out, fields[kDate]);
    out += ' ';
    append_subject(out, fields[kSubject]);
    for (std::size_t place = kFrom; place <= kBcc; ++place) {
        out += ' ';
        std::string list = fields[place] ? format_addresses(*fields[place]) : "NIL";
        // RFC 3501 7.4.2: without these two, the server gives the value of From.
        bool defaults = (place == kSender || place == kReplyTo) && list == "NIL";
        out += defaults ? from : list;
    }
    out += ' ';
    append_text(out, fields[kInReplyTo]);
    out += ' ';
    append_text(out, fields[kMessageId]);
    out += ')';
}

}  // namespace relais::imap
