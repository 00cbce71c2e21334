#include "tools/postcat/queue_file_printer.h"

#include <array>
#include <cstdio>
#include <ctime>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/header.h"

namespace relais {

namespace {

constexpr std::string_view kFirstTypes = "MCTcFILSDRO/WVA>K<ion";

void put(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

// "Sat Nov 21 08:06:38 2026" for the seconds at the start of `data`.
std::string date_text(std::string_view data) {
    auto words = split_words(data);
    auto seconds = words.empty() ? std::nullopt : parse_int(words[0]);
    if (!seconds) {
        return std::string(data);
    }
    std::time_t when = *seconds;
    std::tm local{};
    std::array<char, 64> text{};
    ::localtime_r(&when, &local);
    std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
    return text.data();
}

}  // namespace

Result<void> QueueFilePrinter::print(int fd) {
    // -r says something only together with -v, as it does in Postfix.
    auto follow = !options_.type_names ? RecordReader::Follow::kPointers
                  : options_.raw       ? RecordReader::Follow::kRaw
                                       : RecordReader::Follow::kPointersShown;
    // A pipe has no offsets: it is read whole.
    std::string piped;
    bool seekable = ::lseek(fd, 0, SEEK_CUR) >= 0;
    if (!seekable) {
        auto bytes = read_all(fd);
        if (!bytes) {
            return fail_with(bytes);
        }
        piped = std::move(*bytes);
        RecordReader reader(piped, follow);
        return print_records(reader);
    }
    RecordReader reader(fd, follow);
    return print_records(reader);
}

Result<void> QueueFilePrinter::print_records(RecordReader& reader) {
    reader.seek(options_.start_offset);
    bool first = true;
    for (;;) {
        // Where reading went on: before the padding and pointers that are not shown.
        offset_ = reader.offset();
        auto record = reader.next();
        bool plausible = record && *record && kFirstTypes.contains(rec_char((*record)->type));
        if (first && !plausible && options_.start_offset == 0) {
            if (record && !*record) {
                return {};
            }
            log_warning("{}: input is not a valid queue file", name_);
            return {};
        }
        if (first && options_.envelope && options_.start_offset == 0) {
            put(format("*** ENVELOPE RECORDS {} ***\n", name_));
        }
        first = false;
        if (!record) {
            return fail_with(record);
        }
        if (!*record) {
            return {};
        }
        take(reader, **record);
    }
}

bool QueueFilePrinter::part_wanted() const {
    switch (part_) {
        case Part::kEnvelope:
            return options_.envelope;
        case Part::kHeader:
            return options_.header;
        case Part::kBody:
            return options_.body;
    }
    return false;
}

void QueueFilePrinter::prefix(Rec type) {
    if (options_.file_name) {
        put(name_ + ": ");
    }
    if (options_.offsets) {
        put(format("{:>9} ", offset_));
    }
    if (options_.decimal_types) {
        put(format("{:>3} ", static_cast<int>(rec_char(type))));
    }
}

void QueueFilePrinter::marker(Rec type, std::string_view text) {
    if (options_.envelope) {
        line(type, format("*** {} {} ***", text, name_));
    }
}

void QueueFilePrinter::line(Rec type, std::string_view text) {
    if (unfinished_) {
        put("\n");
        unfinished_ = false;
    }
    prefix(type);
    put(text);
    put("\n");
}

void QueueFilePrinter::note_size(std::string_view data) {
    auto size = parse_size_record(data);
    if (size && size->data_offset > 0 && size->size > 0) {
        extracted_offset_ = size->data_offset + size->size;
    } else {
        log_warning("invalid size record: {}", printable(data));
    }
}

void QueueFilePrinter::take(RecordReader& reader, const Record& record) {
    switch (record.type) {
        case Rec::kContent:
            take_content_start(reader);
            return;
        case Rec::kExtracted:
            part_ = Part::kEnvelope;
            marker(record.type, "HEADER EXTRACTED");
            return;
        case Rec::kEnd:
            marker(record.type, "MESSAGE FILE END");
            return;
        case Rec::kLine:
        case Rec::kLinePart:
            if (part_ != Part::kEnvelope) {
                take_text(record);
                return;
            }
            break;
        case Rec::kSize:
            note_size(record.data);
            break;
        default:
            break;
    }
    if (!part_wanted()) {
        return;
    }
    std::string_view name = part_ != Part::kEnvelope && record.type == Rec::kLinePart
                                ? "unterminated_text"
                                : rec_name(record.type);
    if (record.type == Rec::kTime || record.type == Rec::kWarnTime) {
        line(record.type, format("{}: {}", name, date_text(record.data)));
        return;
    }
    auto attribute = record.type == Rec::kAttribute ? split_attribute(record.data) : std::nullopt;
    if (attribute && attribute->name == "create_time") {
        line(record.type, "create_time: " + date_text(attribute->value));
        return;
    }
    line(record.type, format("{}: {}", name, record.data));
}

void QueueFilePrinter::take_content_start(RecordReader& reader) {
    marker(Rec::kContent, "MESSAGE CONTENTS");
    part_ = Part::kHeader;
    bool skip = !options_.header && !options_.body && !(options_.raw && options_.type_names);
    if (skip && extracted_offset_ > 0) {
        reader.seek(extracted_offset_);
    }
}

void QueueFilePrinter::take_text(const Record& record) {
    // Only what was printed without its end is continued: so the text type of a long line's later
    // records depends on the options, as it does in Postfix.
    bool starts = !unfinished_;
    bool in_header =
        !record.data.empty() && (is_blank(record.data.front()) || is_header(record.data));
    if (part_ == Part::kHeader && starts && !in_header) {
        part_ = Part::kBody;
    }
    if (!part_wanted()) {
        return;
    }
    bool partial = record.type == Rec::kLinePart;
    if (options_.type_names) {
        line(record.type,
             format("{}: {}", partial ? "unterminated_text" : "regular_text", record.data));
        return;
    }
    if (starts || options_.decimal_types) {
        prefix(record.type);
    }
    put(record.data);
    unfinished_ = partial && !options_.offsets;
    if (!unfinished_) {
        put("\n");
    }
}

}  // namespace relais
