#include "lib/queue/record_reader.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kFirstWindow = 8192;  // most files are smaller
constexpr std::size_t kWindow = 32768;
constexpr std::size_t kMaxHeader = 6;  // type byte and the longest length

}  // namespace

RecordReader::RecordReader(int fd, Follow follow) : fd_(fd), follow_(follow) {
}

RecordReader::RecordReader(std::string_view bytes, Follow follow) : follow_(follow), bytes_(bytes) {
}

void RecordReader::seek(std::int64_t offset) {
    next_at_ = offset;
    at_end_ = false;
}

// What the window holds from next_at_ on.
std::string_view RecordReader::window() const {
    std::int64_t skip = next_at_ - window_at_;
    if (skip < 0 || skip >= static_cast<std::int64_t>(bytes_.size())) {
        return {};
    }
    return bytes_.substr(static_cast<std::size_t>(skip));
}

// Makes the window start at next_at_ and hold at least `want` bytes, fewer only at the end of the
// file; says whether it got more than it had.
Result<bool> RecordReader::fill(std::size_t want) {
    if (fd_ < 0) {
        return false;
    }
    std::string_view kept = window();
    std::size_t have = kept.size();
    if (have != 0 && next_at_ != window_at_) {
        buffer_.erase(0, static_cast<std::size_t>(next_at_ - window_at_));
    }
    std::size_t filled = have;
    int error = 0;
    std::size_t size = std::max(buffer_.empty() ? kFirstWindow : kWindow, want);
    buffer_.resize_and_overwrite(size, [&](char* data, std::size_t) {
        error = read_at(next_at_, {data, size}, want, filled);
        return filled;
    });
    if (error != 0) {
        bytes_ = {};
        return fail_errno("read queue file", error);
    }
    window_at_ = next_at_;
    bytes_ = buffer_;
    return filled > have;
}

// Reads on behind the `filled` bytes, which begin at `offset` of the file, until there are `want`
// of them or the file ends; an errno.
int RecordReader::read_at(std::int64_t offset, std::span<char> into, std::size_t want,
                          std::size_t& filled) const {
    while (filled < want) {
        ssize_t got = ::pread(fd_, into.data() + filled, into.size() - filled,
                              offset + static_cast<std::int64_t>(filled));
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        if (got == 0) {
            break;
        }
        filled += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    }
    return 0;
}

// One record at next_at_; kNeedMore stands for the end of the file, exactly there.
Result<DecodeResult> RecordReader::decode() {
    std::size_t want = kMaxHeader;
    for (;;) {
        DecodeResult result = decode_record(window(), kMaxRecord);
        if (result.status == Decoded::kRecord) {
            return result;
        }
        if (result.status == Decoded::kBad) {
            return fail(Errc::kCorrupt, format("bad record length at offset {}", next_at_));
        }
        auto more = fill(std::max(want, window().size() + 1));
        if (!more) {
            return fail_with(more);
        }
        if (!*more) {
            if (window().empty()) {
                return result;
            }
            return fail(Errc::kCorrupt, format("unexpected end of file at offset {}", next_at_));
        }
        want = std::min(std::max(window().size() * 2, kWindow), kMaxRecord + kMaxHeader);
    }
}

Result<void> RecordReader::jump(std::string_view target) {
    auto offset = parse_int(trim(target));
    if (!offset || *offset < 0) {
        return fail(Errc::kCorrupt, format("bad pointer record at offset {}", record_at_));
    }
    if (*offset == 0) {
        return {};
    }
    if (*offset < next_at_ && ++reverse_jumps_ > kMaxReverseJumps) {
        return fail(Errc::kCorrupt, "too many reverse jump records");
    }
    next_at_ = *offset;
    return {};
}

Result<std::optional<Record>> RecordReader::next() {
    while (!at_end_) {
        auto decoded = decode();
        if (!decoded) {
            return fail_with(decoded);
        }
        if (decoded->status != Decoded::kRecord) {
            return std::nullopt;
        }
        record_at_ = next_at_;
        next_at_ += static_cast<std::int64_t>(decoded->used);
        Record record = decoded->record;
        if (follow_ == Follow::kRaw) {
            return record;
        }
        bool hidden = record.type == Rec::kPadding || record.type == Rec::kPointer;
        if (record.type == Rec::kPointer) {
            if (auto jumped = jump(record.data); !jumped) {
                return fail_with(jumped);
            }
        }
        if (hidden && follow_ == Follow::kPointers) {
            continue;
        }
        at_end_ = record.type == Rec::kEnd;
        return record;
    }
    return std::nullopt;
}

ContentReader::ContentReader(int fd, std::int64_t data_offset) : reader_(fd), start_(data_offset) {
    rewind();
}

ContentReader::ContentReader(std::string_view file, std::int64_t data_offset)
    : reader_(file), start_(data_offset) {
    rewind();
}

void ContentReader::rewind() {
    reader_.seek(start_);
    done_ = false;
}

Result<std::optional<ContentReader::Line>> ContentReader::next() {
    if (done_) {
        return std::nullopt;
    }
    auto record = reader_.next();
    if (!record) {
        return fail_with(record);
    }
    if (!*record) {
        return fail(Errc::kCorrupt, "message content without end");
    }
    switch ((*record)->type) {
        case Rec::kLine:
            return Line{(*record)->data, true};
        case Rec::kLinePart:
            return Line{(*record)->data, false};
        case Rec::kExtracted:
            done_ = true;
            return std::nullopt;
        default:
            return fail(
                Errc::kCorrupt,
                format("unexpected record type {} in message content at offset {}",
                       static_cast<int>(rec_char((*record)->type)), reader_.record_offset()));
    }
}

}  // namespace relais
