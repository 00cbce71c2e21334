#include "tools/postqueue/queue_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kReasonWidth = 76;

struct Columns {
    std::size_t id;
    std::size_t size;
    std::size_t date;  // characters of ctime()
    std::string_view heading;
};

constexpr Columns kShortColumns{
    11, 7, 20, "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n"};
constexpr Columns kLongColumns{
    17, 8, 19, "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"};

// "Sat Nov 21 07:59:46 "
std::string date_text(std::int64_t time, std::size_t width) {
    std::time_t when = time;
    std::tm local{};
    std::array<char, 64> text{};
    ::localtime_r(&when, &local);
    std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
    return std::string(text.data()).substr(0, width);
}

// The blanks that a text lacks to be `width` wide.
void fill_up(std::string& out, std::string_view text, std::size_t width) {
    out.append(width - std::min(width, text.size()), ' ');
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
                    out += format("\\u{:04X}", static_cast<int>(c));
                } else {
                    out += c;
                }
        }
    }
    return out + '"';
}

}  // namespace

Result<QueuedMessage> parse_queued_message(const Attributes& attributes) {
    AttrReader reader(attributes);
    QueuedMessage message;
    message.queue_name = reader.string("queue_name");
    message.queue_id = reader.string("queue_id");
    message.time = reader.long_number("time");
    message.size = reader.long_number("size");
    message.forced_expire = reader.number("forced_expire") != 0;
    message.sender = reader.string("sender");
    while (!reader.at_end() && !reader.failed()) {
        QueuedMessage::Recipient recipient;
        reader.string_if_next("original_recipient");
        recipient.address = reader.string("recipient");
        recipient.log_class = reader.string_if_next("log_class").value_or("");
        recipient.reason = reader.string("reason");
        message.recipients.push_back(std::move(recipient));
    }
    if (reader.failed()) {
        return fail(Errc::kSyntax, reader.error());
    }
    return message;
}

std::string format_json(const QueuedMessage& message) {
    std::string out = format(
        "{{\"queue_name\": {}, \"queue_id\": {}, \"arrival_time\": {}, \"message_size\": {}, "
        "\"forced_expire\": {}, \"sender\": {}, \"recipients\": [",
        json_string(message.queue_name), json_string(message.queue_id), message.time, message.size,
        message.forced_expire, json_string(message.sender));
    bool first = true;
    for (const auto& recipient : message.recipients) {
        out += first ? "{" : ", {";
        first = false;
        out += "\"address\": " + json_string(recipient.address);
        if (!recipient.reason.empty()) {
            bool bounce = recipient.log_class == "bounce";
            out += bounce ? ", \"bounce_reason\": " : ", \"delay_reason\": ";
            out += json_string(recipient.reason);
        }
        out += '}';
    }
    return out + "]}\n";
}

// Appended by hand, not formatted: there may be very many of them.
void TextReport::row(std::string& out, std::string_view id, std::string_view size,
                     std::string_view date, std::string_view text) const {
    const Columns& columns = ids_ == Ids::kLong ? kLongColumns : kShortColumns;
    out += id;
    fill_up(out, id, columns.id);
    out += ' ';
    fill_up(out, size, columns.size);
    out += size;
    out += ' ';
    fill_up(out, date, columns.date);
    out += date;
    ((out += ' ') += text) += '\n';
}

std::string TextReport::message(const QueuedMessage& message) {
    const Columns& columns = ids_ == Ids::kLong ? kLongColumns : kShortColumns;
    std::string out;
    if (messages_++ == 0) {
        out += columns.heading;
    } else {
        out += '\n';
    }
    bytes_ += message.size;
    std::string_view place = message.queue_name == "active" ? "*"
                             : message.queue_name == "hold" ? "!"
                                                            : "";
    std::string_view expired = message.forced_expire ? "#" : "";
    std::string id = message.queue_id;
    (id += place) += expired;
    row(out, id, std::to_string(message.size), date_text(message.time, columns.date),
        message.sender);
    std::string_view last_reason;
    for (const auto& recipient : message.recipients) {
        std::string_view reason = recipient.reason;
        if (reason.empty() && !last_reason.empty()) {
            reason = "reason unavailable";
        }
        if (!reason.empty() && reason != last_reason) {
            last_reason = reason;
            fill_up(out, reason, kReasonWidth);
            ((out += '(') += reason) += ")\n";
        }
        row(out, "", "", "", recipient.address);
    }
    return out;
}

std::string TextReport::end() const {
    if (messages_ == 0) {
        return "Mail queue is empty\n";
    }
    return format("\n-- {} Kbytes in {} Request{}.\n", bytes_ / 1024, messages_,
                  messages_ == 1 ? "" : "s");
}

}  // namespace relais
