#include "lib/store/mbox_plan.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/store/file_sink.h"

namespace relais {

namespace {

constexpr std::array<char, 8> kMagic = {'R', 'L', 'S', 'M', 'B', 'X', '0', '1'};
constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 46;

constexpr std::uint64_t kSumStart = 0xcbf29ce484222325;

// FNV-1a; finds torn pages, nothing cleverer.
std::uint64_t sum_of(std::string_view bytes, std::uint64_t sum = kSumStart) {
    for (char c : bytes) {
        sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return sum;
}

std::uint64_t header_sum(const MboxPlanHeader& header) {
    return sum_of({reinterpret_cast<const char*>(&header), offsetof(MboxPlanHeader, checksum)});
}

// All of it, or an error.
Result<std::string> read_at(int fd, std::uint64_t at, std::uint64_t size) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    std::size_t had = 0;
    while (had < bytes.size()) {
        ssize_t got =
            ::pread(fd, bytes.data() + had, bytes.size() - had, static_cast<off_t>(at + had));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return fail_errno("read", got < 0 ? errno : EIO);
        }
        had += static_cast<std::size_t>(got);
    }
    return bytes;
}

Result<void> write_at(int fd, std::uint64_t at, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t done = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return fail_errno("write");
        }
        at += static_cast<std::uint64_t>(done);
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
}

Result<void> copy_range(int fd, std::uint64_t from, std::uint64_t to, FileSink& sink) {
    while (from < to && !sink.failed()) {
        auto piece = read_at(fd, from, std::min<std::uint64_t>(kPiece, to - from));
        if (!piece) {
            return fail_with(piece);
        }
        sink.write(*piece);
        from += piece->size();
    }
    return {};
}

// Of the pages of [start, end): how many there are before the one that has `offset`.
std::uint64_t page_number(std::uint64_t start, std::uint64_t offset) {
    return offset / MboxPlan::kPage - start / MboxPlan::kPage;
}

std::uint64_t pages_between(std::uint64_t start, std::uint64_t end) {
    return end > start ? page_number(start, end - 1) + 1 : 0;
}

}  // namespace

std::uint64_t MboxPlan::sum_at(std::uint64_t offset) const {
    return sizeof(header_) + page_number(header_.start, offset) * sizeof(std::uint64_t);
}

std::uint64_t MboxPlan::text_at() const {
    return sizeof(header_) + pages_between(header_.start, header_.old_size) * sizeof(std::uint64_t);
}

Result<void> MboxPlan::write_old_sums(int mbox) {
    std::string sums;
    for (std::uint64_t at = header_.start; at < header_.old_size;) {
        const std::uint64_t end = std::min((at / kPage + 1) * kPage, header_.old_size);
        auto page = read_at(mbox, at, end - at);
        if (!page) {
            return fail_with(page);
        }
        const std::uint64_t sum = sum_of(*page);
        sums.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
        at = end;
    }
    return write_at(file_.get(), sizeof(header_), sums);
}

Result<void> MboxPlan::write_new_text(int mbox, std::span<const MboxEdit> edits) {
    ::lseek(file_.get(), static_cast<off_t>(text_at()), SEEK_SET);
    FileSink sink(file_.get());
    std::uint64_t at = header_.start;
    for (const MboxEdit& edit : edits) {
        auto copied = copy_range(mbox, at, edit.from, sink);
        if (!copied) {
            return copied;
        }
        sink.write(edit.text);
        at = edit.to;
    }
    auto copied = copy_range(mbox, at, header_.old_size, sink);
    auto finished = sink.finish();
    header_.new_size = header_.start + sink.written();
    return copied ? finished : copied;
}

Result<MboxPlan> MboxPlan::make(int mbox, const std::string& path,
                                std::span<const MboxEdit> edits) {
    struct stat status;
    const std::string temporary = path + ".tmp";
    auto file = open_file(temporary, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (!file || ::fstat(mbox, &status) < 0) {
        return file ? fail_errno("fstat") : fail_with(file);
    }
    MboxPlan plan;
    plan.file_ = std::move(*file);
    plan.header_.magic = kMagic;
    plan.header_.device = status.st_dev;
    plan.header_.inode = status.st_ino;
    plan.header_.start = edits.front().from;
    plan.header_.old_size = static_cast<std::uint64_t>(status.st_size);
    auto done = plan.write_old_sums(mbox);
    done = done ? plan.write_new_text(mbox, edits) : done;
    auto rest = done ? plan.rest_sum_of(mbox) : fail_with(done);
    done = rest ? done : fail_with(rest);
    plan.header_.rest_sum = rest.value_or(0);
    plan.header_.checksum = header_sum(plan.header_);
    done = done ? plan.set_stage(MboxPlanHeader::kMade) : done;
    if (done && std::rename(temporary.c_str(), path.c_str()) < 0) {
        done = fail_errno("rename " + temporary);
    }
    done = done ? sync_directory(parent_directory(path)) : done;
    if (!done) {
        ::unlink(temporary.c_str());
        return fail_with(done);
    }
    return plan;
}

Result<MboxPlan> MboxPlan::open(const std::string& path) {
    auto file = open_file(path, O_RDWR);
    if (!file) {
        return file.error().sys_errno == ENOENT ? fail(Errc::kNotFound, path) : fail_with(file);
    }
    MboxPlan plan;
    plan.file_ = std::move(*file);
    struct stat status;
    auto bytes = read_at(plan.file_.get(), 0, sizeof(plan.header_));
    if (!bytes || ::fstat(plan.file_.get(), &status) < 0) {
        return fail(Errc::kCorrupt, path + " is cut short");
    }
    MboxPlanHeader& header = plan.header_;
    std::memcpy(&header, bytes->data(), sizeof(header));
    bool whole = header.magic == kMagic && header.checksum == header_sum(header) &&
                 header.old_size < kMaxSize && header.new_size < kMaxSize &&
                 header.start <= header.old_size && header.start <= header.new_size &&
                 static_cast<std::uint64_t>(status.st_size) ==
                     plan.text_at() + header.new_size - header.start;
    return whole ? Result<MboxPlan>(std::move(plan)) : fail(Errc::kCorrupt, path + " is damaged");
}

Result<void> MboxPlan::set_stage(MboxPlanHeader::Stage stage) {
    header_.stage = stage;
    auto written =
        write_at(file_.get(), 0, {reinterpret_cast<const char*>(&header_), sizeof(header_)});
    if (written && ::fsync(file_.get()) < 0) {
        return fail_errno("fsync");
    }
    return written;
}

Result<void> MboxPlan::copy_into(int mbox) const {
    for (std::uint64_t at = header_.start; at < header_.new_size;) {
        // Whole pages of the file, so that each is an old or a new one at any moment.
        const std::uint64_t end = std::min((at / kPiece + 1) * kPiece, header_.new_size);
        auto piece = read_at(file_.get(), text_at() + at - header_.start, end - at);
        auto written = piece ? write_at(mbox, at, *piece) : fail_with(piece);
        if (!written) {
            return written;
        }
        at = end;
    }
    return ::fsync(mbox) < 0 ? fail_errno("fsync") : Result<void>();
}

// [from, to) is (a part of) one page.
Result<bool> MboxPlan::page_fits(int mbox, std::uint64_t from, std::uint64_t to) const {
    const std::uint64_t new_end = std::min(to, header_.new_size);
    const std::uint64_t old_end = std::min(to, header_.old_size);
    auto there = read_at(mbox, from, to - from);
    if (!there) {
        return fail_with(there);
    }
    std::string_view bytes = *there;
    if (new_end > from) {
        auto wanted = read_at(file_.get(), text_at() + from - header_.start, new_end - from);
        if (!wanted) {
            return fail_with(wanted);
        }
        if (bytes.starts_with(*wanted)) {
            return true;
        }
    }
    if (old_end <= from) {
        return true;  // nobody but us could write here
    }
    auto stored = read_at(file_.get(), sum_at(from), sizeof(std::uint64_t));
    if (!stored) {
        return fail_with(stored);
    }
    std::uint64_t sum = 0;
    std::memcpy(&sum, stored->data(), sizeof(sum));
    return sum == sum_of(bytes.substr(0, static_cast<std::size_t>(old_end - from)));
}

Result<bool> MboxPlan::fits(int mbox) const {
    const std::uint64_t end = std::max(header_.old_size, header_.new_size);
    for (std::uint64_t at = header_.start; at < end;) {
        const std::uint64_t to = std::min((at / kPage + 1) * kPage, end);
        auto fits = page_fits(mbox, at, to);
        if (!fits || !*fits) {
            return fits;
        }
        at = to;
    }
    return true;
}

Result<std::uint64_t> MboxPlan::rest_sum_of(int mbox) const {
    std::uint64_t sum = kSumStart;
    for (std::uint64_t at = header_.new_size; at < header_.old_size;) {
        auto piece = read_at(mbox, at, std::min<std::uint64_t>(kPiece, header_.old_size - at));
        if (!piece) {
            return fail_with(piece);
        }
        sum = sum_of(*piece, sum);
        at += piece->size();
    }
    return sum;
}

Result<bool> MboxPlan::has_old_rest(int mbox) const {
    auto sum = rest_sum_of(mbox);
    return sum ? Result<bool>(*sum == header_.rest_sum) : fail_with(sum);
}

}  // namespace relais
