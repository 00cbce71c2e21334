#include "lib/imap/envelope.h"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

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
    // For people to read, as the subject is.
    append_nstring(out, address.name
                            ? std::optional(std::string(trim(single_blanks(*address.name))))
                            : std::nullopt);
    out += ' ';
    append_nstring(out, address.route);
    out += ' ';
    append_nstring(out, address.mailbox);
    out += ' ';
    append_nstring(out, address.host);
    out += ')';
}

// The values of the fields of one name; address fields may be given several times.
using Values = std::vector<std::string_view>;
using Fields = std::array<Values, kPlaces>;

std::string format_addresses(const Values& values) {
    std::string out;
    for (std::string_view value : values) {
        for (const EnvelopeAddress& address : parse_address_list(value)) {
            append_address(out, address);
        }
    }
    return out.empty() ? "NIL" : "(" + out + ")";
}

Fields collect_fields(std::string_view header) {
    Fields fields;
    HeaderWalk walk(header);
    while (auto field = walk.next()) {
        for (std::size_t place = 0; place < kPlaces; ++place) {
            if (field->name.size() != kNames[place].size() ||
                !iequals(field->name, kNames[place])) {
                continue;
            }
            fields[place].push_back(field->value);
        }
    }
    return fields;
}

// Of fields that stand there once the last counts.
void append_text(std::string& out, const Values& values) {
    append_nstring(out,
                   values.empty() ? std::nullopt : std::optional(text_on_one_line(values.back())));
}

// For people to read: runs of blanks count as one.
void append_subject(std::string& out, const Values& values) {
    if (values.empty()) {
        out += "NIL";
        return;
    }
    append_string(out, single_blanks(unfold(values.back())));
}

}  // namespace

void append_envelope(std::string& out, std::string_view header) {
    Fields fields = collect_fields(header);
    std::string from = format_addresses(fields[kFrom]);
    out += '(';
    append_text(out, fields[kDate]);
    out += ' ';
    append_subject(out, fields[kSubject]);
    for (std::size_t place = kFrom; place <= kBcc; ++place) {
        out += ' ';
        std::string list = format_addresses(fields[place]);
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
