#include "lib/queue/record.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr int kMaxLengthShift = 32;
constexpr std::size_t kPointerWidth = 15;
constexpr std::size_t kSizeWidth = 15;  // of each number in a size record

struct TypeName {
    Rec type;
    std::string_view name;
};

constexpr TypeName kNames[] = {
    {Rec::kSize, "message_size"},
    {Rec::kTime, "message_arrival_time"},
    {Rec::kCreateTime, "queue_file_create_time"},
    {Rec::kFullName, "sender_fullname"},
    {Rec::kInspector, "content_inspector"},
    {Rec::kFilter, "content_filter"},
    {Rec::kSender, "sender"},
    {Rec::kRecipient, "recipient"},
    {Rec::kDone, "done_recipient"},
    {Rec::kCanceled, "canceled_recipient"},
    {Rec::kOrigRecipient, "original_recipient"},
    {Rec::kWarnTime, "warning_message_time"},
    {Rec::kAttribute, "named_attribute"},
    {Rec::kKilled, "killed_record"},
    {Rec::kRedirect, "redirect_to"},
    {Rec::kFlags, "flags"},
    {Rec::kDelay, "cleanup_delay"},
    {Rec::kMilters, "milter_count"},
    {Rec::kContent, "message_content"},
    {Rec::kLine, "regular_text"},
    {Rec::kPadding, "padding"},
    {Rec::kExtracted, "extracted_info"},
    {Rec::kReturnReceipt, "return_receipt"},
    {Rec::kErrorsTo, "errors_to"},
    {Rec::kPriority, "priority"},
    {Rec::kPointer, "pointer_record"},
    {Rec::kVerp, "verp_delimiters"},
    {Rec::kDsnRet, "dsn_return_flags"},
    {Rec::kDsnEnvid, "dsn_envelope_id"},
    {Rec::kDsnOrigRecipient, "dsn_original_recipient"},
    {Rec::kDsnNotify, "dsn_notify_flags"},
    {Rec::kEnd, "message_end"},
};

constexpr std::pair<std::string_view, Rec> kAliases[] = {
    {"dsn_orig_rcpt", Rec::kDsnOrigRecipient}, {"notify_flags", Rec::kDsnNotify},
    {"envelope_id", Rec::kDsnEnvid},           {"ret_flags", Rec::kDsnRet},
    {"create_time", Rec::kCreateTime},
};

// The type and the length of what follows, seven bits a byte.
void append_head(std::string& out, Rec type, std::size_t length) {
    std::array<char, 1 + (64 + 6) / 7> head{rec_char(type)};
    std::size_t size = 1;
    for (; length >= 0x80; length >>= 7) {
        head[size++] = static_cast<char>((length & 0x7f) | 0x80);
    }
    head[size++] = static_cast<char>(length);
    out.append(head.data(), size);
}

}  // namespace

std::string_view rec_name(Rec type) {
    const auto* found = std::ranges::find(kNames, type, &TypeName::type);
    return found == std::end(kNames) ? "unknown_record_type" : found->name;
}

void append_record(std::string& out, Rec type, std::string_view data) {
    append_head(out, type, data.size());
    out += data;
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    append_head(out, Rec::kAttribute, name.size() + 1 + value.size());
    out += name;
    out += '=';
    out += value;
}

void append_padding(std::string& out, Rec type, std::size_t total) {
    std::size_t width = total > 3 ? total - 2 : 1;
    append_record(out, type, format("{:>{}}", 0, width));
}

void append_pointer(std::string& out, std::int64_t offset) {
    append_record(out, Rec::kPointer, format("{:>{}}", offset, kPointerWidth));
}

std::size_t record_overhead(std::size_t data_size) {
    std::size_t bytes = 2;
    for (; data_size >= 0x80; data_size >>= 7) {
        ++bytes;
    }
    return bytes;
}

DecodeResult decode_record(std::string_view buffer, std::size_t max_data) {
    std::size_t at = 1;
    std::size_t length = 0;
    for (int shift = 0;; shift += 7) {
        if (at >= buffer.size()) {
            return {};
        }
        if (shift >= kMaxLengthShift) {
            return {Decoded::kBad, {}, length};
        }
        auto byte = static_cast<unsigned char>(buffer[at++]);
        length |= static_cast<std::size_t>(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    if (length > max_data) {
        return {Decoded::kBad, {}, length};
    }
    if (buffer.size() - at < length) {
        return {};
    }
    return {Decoded::kRecord,
            {static_cast<Rec>(buffer.front()), buffer.substr(at, length)},
            at + length};
}

std::optional<NameValue> split_attribute(std::string_view data) {
    auto parts = split_first(data, '=');
    const auto name = parts ? trim(parts->first) : std::string_view();
    if (name.empty()) {
        return std::nullopt;
    }
    return NameValue{name, trim(parts->second)};
}

std::optional<Rec> attribute_alias(std::string_view name) {
    for (const auto& [alias, type] : kAliases) {
        if (alias == name) {
            return type;
        }
    }
    return std::nullopt;
}

std::string format_size_record(const SizeRecord& size) {
    std::string text;
    text.reserve(kSizeRecordLength);
    for (const std::int64_t number : {size.size, size.data_offset, size.recipients, size.qmgr_flags,
                                      size.content_length, size.sendopts}) {
        const std::string digits = std::to_string(number);
        text.append(text.empty() ? 0 : 1, ' ');
        text.append(kSizeWidth - std::min(kSizeWidth, digits.size()), ' ');
        text += digits;
    }
    return text;
}

Result<SizeRecord> parse_size_record(std::string_view data) {
    constexpr std::int64_t kKnownFlags = 31;
    std::array<std::int64_t, 6> numbers{};
    auto words = split_words(data);
    if (words.size() < 3) {
        return fail(Errc::kCorrupt, "size record with fewer than 3 numbers");
    }
    for (std::size_t i = 0; i < std::min(words.size(), numbers.size()); ++i) {
        auto number = parse_int(words[i]);
        if (!number || *number < 0) {
            return fail(Errc::kCorrupt, "bad number in size record");
        }
        numbers[i] = *number;
    }
    if (words.size() < 5) {
        numbers[4] = numbers[0];
    }
    if ((numbers[3] & ~kKnownFlags) != 0) {
        return fail(Errc::kCorrupt, "unknown flags in size record");
    }
    return SizeRecord{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
}

}  // namespace relais
