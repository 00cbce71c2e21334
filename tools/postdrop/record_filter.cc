#include "tools/postdrop/record_filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/queue/record.h"

namespace relais {

namespace {

constexpr std::string_view kEnvelopeTypes = "MFSRVAin";
constexpr std::string_view kContentTypes = "XLN";
constexpr std::string_view kExtractedTypes = "EAR";
constexpr std::size_t kReadSize = 65536;

struct UserAttribute {
    std::string_view name;
    std::string_view value;  // empty: any
};

constexpr UserAttribute kUserAttributes[] = {
    {"encoding", "7bit"},
    {"encoding", "8bit"},
    {"envelope_id", ""},
    {"ret_flags", ""},
    {"notify_flags", ""},
    {"dsn_orig_rcpt", ""},
    {"create_time", ""},
    {"rewrite_context", "local"},
    {"rewrite_context", "remote"},
    {"trace_flags", ""},
    {"sendopts", ""},
};

bool user_may_set(const NameValue& attribute) {
    return std::ranges::any_of(kUserAttributes, [&](const UserAttribute& known) {
        return known.name == attribute.name &&
               (known.value.empty() || known.value == attribute.value);
    });
}

}  // namespace

RecordFilter::Outcome RecordFilter::copy(int input) {
    QueueTime now = file_.time();
    put(Rec::kTime, format("{} {}", now.seconds, now.microseconds));
    std::string buffer;
    while (segment_ != Segment::kDone && outcome_.malformed.empty()) {
        std::size_t had = buffer.size();
        buffer.resize(had + kReadSize);
        ssize_t got = ::read(input, buffer.data() + had, kReadSize);
        buffer.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            explain_end(buffer);
            return outcome_;
        }
        take_all(buffer);
    }
    outcome_.complete = segment_ == Segment::kDone;
    if (outcome_.complete && (!have_sender_ || !have_recipient_)) {
        outcome_.status |= kCleanupBad;
    }
    return outcome_;
}

// The end of input within a record is an error; between records it is a change of mind.
void RecordFilter::explain_end(const std::string& buffer) {
    if (buffer.empty()) {
        return;
    }
    log_warning("stdin: unexpected EOF in data, record type {} length {}",
                static_cast<int>(buffer[0]),
                buffer.size() > 1 ? static_cast<unsigned char>(buffer[1]) & 0x7f : 0);
    outcome_.malformed = format("uid={}: malformed input", ::getuid());
}

void RecordFilter::take_all(std::string& buffer) {
    std::string_view rest = buffer;
    while (segment_ != Segment::kDone && outcome_.malformed.empty()) {
        DecodeResult next = decode_record(rest, line_limit_);
        if (next.status == Decoded::kNeedMore) {
            break;
        }
        if (next.status == Decoded::kBad) {
            log_warning("stdin: illegal length {}, record type {}", next.used,
                        static_cast<int>(rest[0]));
            outcome_.malformed = format("uid={}: malformed input", ::getuid());
            break;
        }
        take(next.record);
        rest.remove_prefix(next.used);
    }
    buffer.erase(0, buffer.size() - rest.size());
}

void RecordFilter::take(const Record& record) {
    std::string_view allowed = segment_ == Segment::kEnvelope  ? kEnvelopeTypes
                               : segment_ == Segment::kContent ? kContentTypes
                                                               : kExtractedTypes;
    if (!allowed.contains(rec_char(record.type))) {
        outcome_.malformed = format("uid={}: unexpected record type: {}", ::getuid(),
                                    static_cast<int>(rec_char(record.type)));
        return;
    }
    switch (record.type) {
        case Rec::kSender:
            have_sender_ = true;
            outcome_.sender = record.data;
            break;
        case Rec::kRecipient:
            have_recipient_ = true;
            break;
        case Rec::kAttribute:
            take_attribute(record.data);
            return;
        case Rec::kContent:
            segment_ = Segment::kContent;
            break;
        case Rec::kExtracted:
            segment_ = Segment::kExtracted;
            break;
        case Rec::kEnd:
            segment_ = Segment::kDone;
            break;
        default:
            break;
    }
    put(record.type, record.data);
}

void RecordFilter::take_attribute(std::string_view data) {
    auto attribute = split_attribute(data);
    if (!attribute) {
        log_warning("uid={}: ignoring malformed record: missing '=' after attribute name: {}",
                    ::getuid(), printable(data.substr(0, 200)));
        return;
    }
    if (!attribute->value.empty() && !user_may_set(*attribute)) {
        log_warning("uid={}: ignoring attribute record: {}", ::getuid(),
                    printable(data.substr(0, 200)));
        return;
    }
    put(Rec::kAttribute, data);
}

void RecordFilter::put(Rec type, std::string_view data) {
    if (outcome_.status != kCleanupOk) {
        return;
    }
    auto end =
        file_.offset() + static_cast<std::int64_t>(data.size() + record_overhead(data.size()));
    if (size_limit_ > 0 && end > size_limit_) {
        log_warning("uid={}: File too large", ::getuid());
        outcome_.status |= kCleanupSize;
        return;
    }
    if (auto done = file_.put(type, data); !done) {
        log_warning("{}", done.error().message);
        outcome_.status |= kCleanupWrite;
    }
}

}  // namespace relais
