#include "lib/queue/envelope.h"

#include <algorithm>
#include <array>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/queue/record_reader.h"

namespace relais {

namespace {

constexpr std::string_view kEnvelopeTypes = "MCTcFILSDRO/WVA>K<ion";
constexpr std::string_view kExtractedTypes = "EDRO/PreAFIL>Kon";
constexpr std::string_view kDetailTypes = "cFILAOonWDV>i";
constexpr int kNotifyBits = 15;
constexpr std::size_t kSmallFile = 8192;

// Reads the envelope and extracted segments of one file; `Only` limits it to recipients.
class EnvelopeParser {
  public:
    enum class Want { kEverything, kRecipients };

    EnvelopeParser(RecordReader& reader, MessageEnvelope& message, const EnvelopeLimits& limits,
                   Want want)
        : reader_(reader), message_(message), limits_(limits), want_(want) {}

    void start_in_extracted() { segment_ = Segment::kExtracted; }

    Result<void> run();
    Result<void> check_complete() const;

  private:
    enum class Segment { kEnvelope, kExtracted };

    Result<void> enter_extracted();
    Result<void> take(const Record& record);
    Result<void> take_information(Rec type, std::string_view data);
    Result<void> take_attribute(std::string_view data);
    Result<void> take_named(std::string_view name, std::string_view value);
    Result<void> take_size(std::string_view data);
    Result<void> take_arrival(std::string_view data);
    Result<void> take_recipient(std::string_view address);
    Result<std::int64_t> number(std::string_view data) const;
    std::unexpected<Error> corrupt(std::string_view what) const;

    bool full() const { return message_.recipients.size() >= limits_.recipients; }

    RecordReader& reader_;
    MessageEnvelope& message_;
    const EnvelopeLimits& limits_;
    Want want_;
    Segment segment_ = Segment::kEnvelope;
    bool done_ = false;
    bool have_size_ = false;
    bool have_time_ = false;
    bool have_sender_ = false;
    QueuedRecipient pending_;  // what O, o and n records said of the next R
};

std::unexpected<Error> EnvelopeParser::corrupt(std::string_view what) const {
    return fail(Errc::kCorrupt, format("{} at offset {}", what, reader_.record_offset()));
}

Result<std::int64_t> EnvelopeParser::number(std::string_view data) const {
    auto value = parse_int(trim(data));
    if (!value) {
        return corrupt("bad number");
    }
    return *value;
}

Result<void> EnvelopeParser::run() {
    while (!done_) {
        auto record = reader_.next();
        if (!record) {
            return fail_with(record);
        }
        if (!*record) {
            return fail(Errc::kCorrupt, "missing end record");
        }
        if (auto taken = take(**record); !taken) {
            return taken;
        }
    }
    return {};
}

Result<void> EnvelopeParser::check_complete() const {
    if (!have_size_ || message_.size.data_offset == 0) {
        return fail(Errc::kCorrupt, "missing size record");
    }
    if (!have_time_) {
        return fail(Errc::kCorrupt, "missing arrival time record");
    }
    if (!have_sender_) {
        return fail(Errc::kCorrupt, "missing sender record");
    }
    return {};
}

// The content is skipped by its size; what follows must be X.
Result<void> EnvelopeParser::enter_extracted() {
    reader_.seek(message_.size.data_offset + message_.size.size);
    auto record = reader_.next();
    if (!record) {
        return fail_with(record);
    }
    if (!*record || (*record)->type != Rec::kExtracted) {
        return corrupt("no extracted segment where the size record says");
    }
    segment_ = Segment::kExtracted;
    pending_ = {};
    return {};
}

Result<void> EnvelopeParser::take(const Record& record) {
    auto allowed = segment_ == Segment::kEnvelope ? kEnvelopeTypes : kExtractedTypes;
    if (allowed.find(rec_char(record.type)) == std::string_view::npos) {
        return corrupt(format("unexpected record type {}", static_cast<int>(record.type)));
    }
    bool is_detail = kDetailTypes.find(rec_char(record.type)) != std::string_view::npos;
    if (is_detail && limits_.detail == EnvelopeDetail::kAddresses) {
        return {};
    }
    switch (record.type) {
        case Rec::kContent:
            if (!have_size_ && want_ == Want::kEverything) {
                return corrupt("missing size record");
            }
            return enter_extracted();
        case Rec::kEnd:
            done_ = true;
            return {};
        case Rec::kRecipient:
            return take_recipient(record.data);
        case Rec::kDone:
        case Rec::kCanceled:
            pending_ = {};
            return {};
        case Rec::kOrigRecipient:
            pending_.original = record.data;
            return {};
        case Rec::kDsnOrigRecipient:
            pending_.dsn_orig_rcpt = record.data;
            return {};
        case Rec::kDsnNotify: {
            auto notify = number(record.data);
            if (!notify || (*notify & ~std::int64_t{kNotifyBits}) != 0) {
                return corrupt("bad DSN notify flags");
            }
            pending_.notify = static_cast<int>(*notify);
            return {};
        }
        case Rec::kAttribute:
            return take_attribute(record.data);
        default:
            return want_ == Want::kEverything ? take_information(record.type, record.data)
                                              : Result<void>{};
    }
}

Result<void> EnvelopeParser::take_recipient(std::string_view address) {
    QueuedRecipient recipient = std::move(pending_);
    pending_ = {};
    if (full()) {
        return {};  // seen while looking for other records; read again later
    }
    recipient.address = address;
    recipient.offset = reader_.record_offset();
    message_.recipients.push_back(std::move(recipient));
    if (!full()) {
        return {};
    }
    message_.resume_offset = reader_.offset();
    message_.resume_extracted = segment_ == Segment::kExtracted;
    bool mixed = (message_.size.qmgr_flags & kMixedRecipients) != 0;
    if (want_ == Want::kRecipients || (!mixed && segment_ == Segment::kExtracted)) {
        done_ = true;
        return {};
    }
    return mixed ? Result<void>{} : enter_extracted();
}

Result<void> EnvelopeParser::take_size(std::string_view data) {
    if (have_size_) {
        return {};
    }
    auto size = parse_size_record(data);
    if (!size) {
        return corrupt(size.error().message);
    }
    message_.size = *size;
    have_size_ = true;
    return {};
}

Result<void> EnvelopeParser::take_arrival(std::string_view data) {
    auto words = split_words(data);
    auto seconds = words.empty() ? std::nullopt : parse_int(words[0]);
    auto usec = words.size() > 1 ? parse_int(words[1]) : 0;
    if (!seconds || !usec) {
        return corrupt("bad arrival time");
    }
    if (!have_time_) {
        message_.arrival = {*seconds, *usec};
        message_.create_time = message_.create_time != 0 ? message_.create_time : *seconds;
        have_time_ = true;
    }
    return {};
}

Result<void> EnvelopeParser::take_information(Rec type, std::string_view data) {
    switch (type) {
        case Rec::kSize:
            return take_size(data);
        case Rec::kTime:
            return take_arrival(data);
        case Rec::kCreateTime:
            return take_named("create_time", data);
        case Rec::kFullName:
            message_.full_name = data;
            return {};
        case Rec::kInspector:
            message_.inspector = data;
            return {};
        case Rec::kFilter:
            message_.content_filter = data;
            return {};
        case Rec::kRedirect:
            message_.redirect = data;
            return {};
        case Rec::kDsnRet:
            return take_named("ret_flags", data);
        case Rec::kDsnEnvid:
            return take_named("envelope_id", data);
        case Rec::kVerp:
            if (data.size() != 2) {
                return corrupt("bad VERP delimiters");
            }
            message_.verp_delimiters = data;
            return {};
        case Rec::kSender:
            if (!have_sender_) {
                message_.sender = data;
                have_sender_ = true;
            }
            return {};
        case Rec::kWarnTime: {
            auto time = number(data);
            if (!time) {
                return fail_with(time);
            }
            message_.warn_time = *time;
            message_.warn_offset = reader_.record_offset();
            return {};
        }
        default:
            return {};
    }
}

Result<void> EnvelopeParser::take_attribute(std::string_view data) {
    auto pair = split_attribute(data);
    if (!pair) {
        return corrupt("malformed attribute");
    }
    auto alias = attribute_alias(pair->name);
    if (alias == Rec::kDsnOrigRecipient || alias == Rec::kDsnNotify) {
        return take({*alias, pair->value});
    }
    return want_ == Want::kEverything ? take_named(pair->name, pair->value) : Result<void>{};
}

Result<void> EnvelopeParser::take_named(std::string_view name, std::string_view value) {
    auto take_number = [&](int& into) -> Result<void> {
        auto flags = number(value);
        if (!flags || *flags < 0 || *flags > INT32_MAX) {
            return corrupt(format("bad {}", name));
        }
        into = static_cast<int>(*flags);
        return {};
    };
    if (name == "create_time") {
        auto time = number(value);
        if (!time) {
            return fail_with(time);
        }
        message_.create_time = *time;
        return {};
    }
    if (name == "ret_flags") {
        return take_number(message_.ret_flags);
    }
    if (name == "trace_flags") {
        message_.trace_offset = reader_.record_offset();
        return take_number(message_.trace_flags);
    }
    if (name == "envelope_id") {
        message_.envelope_id = value;
    } else if (name == "encoding") {
        message_.encoding = value;
    } else if (name == "rewrite_context") {
        message_.rewrite_context = value;
    } else if (message_.attributes.size() >= limits_.attributes) {
        return corrupt("too many attributes");
    } else {
        message_.attributes.emplace_back(name, value);
    }
    return {};
}

Result<MessageEnvelope> parse(RecordReader& reader, const EnvelopeLimits& limits) {
    MessageEnvelope message;
    EnvelopeParser parser(reader, message, limits, EnvelopeParser::Want::kEverything);
    auto parsed = parser.run();
    if (parsed) {
        parsed = parser.check_complete();
    }
    if (!parsed) {
        return fail_with(parsed);
    }
    if (message.rewrite_context.empty()) {
        message.rewrite_context = "local";
    }
    return message;
}

}  // namespace

std::string_view MessageEnvelope::attribute(std::string_view name) const {
    auto found = std::ranges::find(attributes, name, &std::pair<std::string, std::string>::first);
    return found == attributes.end() ? std::string_view() : found->second;
}

std::string_view MessageEnvelope::log_attribute(std::string_view name) const {
    bool any = std::ranges::any_of(
        attributes, [](const auto& pair) { return pair.first.starts_with("log_client_"); });
    return any ? attribute("log_" + std::string(name)) : attribute(name);
}

Result<MessageEnvelope> read_envelope(int fd, const EnvelopeLimits& limits) {
    // Most files are read whole at once: less than asked for is the end.
    std::array<char, kSmallFile> file;
    const ssize_t size = ::pread(fd, file.data(), file.size(), 0);
    if (size >= 0 && static_cast<std::size_t>(size) < file.size()) {
        return parse_envelope({file.data(), static_cast<std::size_t>(size)}, limits);
    }
    RecordReader reader(fd);
    return parse(reader, limits);
}

Result<MessageEnvelope> parse_envelope(std::string_view file, const EnvelopeLimits& limits) {
    RecordReader reader(file);
    return parse(reader, limits);
}

Result<void> read_more_recipients(int fd, MessageEnvelope& message, const EnvelopeLimits& limits) {
    message.recipients.clear();
    if (message.resume_offset == 0) {
        return {};
    }
    RecordReader reader(fd);
    reader.seek(message.resume_offset);
    message.resume_offset = 0;
    EnvelopeParser parser(reader, message, limits, EnvelopeParser::Want::kRecipients);
    if (message.resume_extracted) {
        parser.start_in_extracted();
    }
    return parser.run();
}

}  // namespace relais
