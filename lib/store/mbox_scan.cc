#include "lib/store/mbox_scan.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace relais {

namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;
constexpr std::size_t kMaxLine = 2048;                      // of a From_ line
constexpr std::size_t kMaxHeader = std::size_t{256} << 10;  // what is behind it is text
constexpr std::string_view kNext = "\nFrom ";

}  // namespace

// What the file has at this offset: all of `most` bytes, unless it ends before.
std::string_view MboxScan::view(std::uint64_t at, std::size_t most) {
    at = std::min(at, size_);
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(most, size_ - at));
    if (at < window_at_ || at + wanted > window_at_ + window_.size()) {
        const auto size = static_cast<std::size_t>(
            std::min<std::uint64_t>(std::max(kWindow, wanted), size_ - at));
        window_.resize(size);
        window_at_ = at;
        std::size_t had = 0;
        while (had < size) {
            ssize_t got =
                ::pread(fd_, window_.data() + had, size - had, static_cast<off_t>(at + had));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0) {
                trouble_ = got < 0 ? errno : EIO;  // cut short while we look
                break;
            }
            had += static_cast<std::size_t>(got);
        }
        window_.resize(had);
    }
    return std::string_view(window_).substr(static_cast<std::size_t>(at - window_at_), wanted);
}

bool MboxScan::is_from_line(std::uint64_t at) {
    std::string_view line = view(at, kMaxLine);
    auto end = line.find('\n');
    return end != std::string_view::npos && parse_from_line(line.substr(0, end)).has_value();
}

// The next From_ line whose line begins behind `at`, or the end.
std::uint64_t MboxScan::next_from(std::uint64_t at) {
    while (at < size_ && trouble_ == 0) {
        std::string_view text = view(at, kWindow / 2);
        auto found = text.find(kNext);
        if (found != std::string_view::npos) {
            std::uint64_t line = at + found + 1;
            if (is_from_line(line)) {
                return line;
            }
            at = line;
        } else if (at + text.size() >= size_) {
            break;
        } else {
            at += text.size() - (kNext.size() - 1);
        }
    }
    return size_;
}

// With the empty line; up to a From_ line where there is none.
std::size_t MboxScan::header_size(std::uint64_t at) {
    std::string_view text = view(at, kMaxHeader);
    if (text.starts_with("\n") || text.starts_with("\r\n")) {
        return text.front() == '\n' ? 1 : 2;
    }
    if (text.starts_with("From ") && is_from_line(at)) {
        return 0;
    }
    text = view(at, kMaxHeader);
    std::size_t end = text.size();
    for (std::size_t line = text.find('\n'); line != std::string_view::npos;
         line = text.find('\n', line + 1)) {
        std::string_view next = text.substr(line + 1, 5);
        if (next.starts_with('\n') || next.starts_with("\r\n")) {
            end = line + (next.front() == '\n' ? 2 : 3);
            break;
        }
        if (next == "From " && is_from_line(at + line + 1)) {
            return line + 1;
        }
        text = view(at, kMaxHeader);  // the look at that line may have moved the window
    }
    return end;
}

std::uint64_t MboxScan::find_end(std::uint64_t body, const MboxHeader& header) {
    if (header.content_length && *header.content_length <= size_ - body) {
        const std::uint64_t end = body + *header.content_length;
        std::string_view rest = view(end, 2);
        const std::uint64_t separator = rest.starts_with('\n') ? 1 : rest == "\r\n" ? 2 : 0;
        if (end + separator == size_ || (separator > 0 && is_from_line(end + separator))) {
            return end + separator;
        }
    }
    // An empty line that ends the header may be the one before the next From_ line as well.
    return next_from(body - 1);
}

Result<MboxSpan> MboxScan::one(std::uint64_t at, MboxHeader& header) {
    std::string_view line = view(at, kMaxLine);
    auto line_end = line.find('\n');
    auto time = line_end != std::string_view::npos ? parse_from_line(line.substr(0, line_end))
                                                   : std::nullopt;
    if (!time) {
        return trouble_ != 0 ? fail_errno("read", trouble_)
                             : fail(Errc::kCorrupt, "no message begins where one should");
    }
    MboxSpan span;
    span.from_at = at;
    span.received = *time;
    span.head = static_cast<std::uint32_t>(line_end + 1);
    const std::size_t size = header_size(span.head_at());
    span.body = span.head + static_cast<std::uint32_t>(size);
    header = parse_mbox_header(view(span.head_at(), size));
    span.end = find_end(span.body_at(), header);
    std::string_view last = span.end > span.head_at() + 1 ? view(span.end - 2, 2) : "";
    span.tail = last == "\r\n" ? 2 : last.ends_with('\n') ? 1 : 0;
    if (span.content_end() < span.body_at()) {
        span.body = static_cast<std::uint32_t>(span.content_end() - span.from_at);
    }
    if (trouble_ != 0) {
        return fail_errno("read", trouble_);
    }
    return span;
}

Result<void> MboxScan::run(std::uint64_t from, const Found& found) {
    for (std::uint64_t at = from; at < size_;) {
        MboxHeader header;
        auto span = one(at, header);
        if (!span) {
            return fail_with(span);
        }
        found(*span, header);
        at = span->end;
    }
    return {};
}

}  // namespace relais
