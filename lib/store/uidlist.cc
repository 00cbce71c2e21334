#include "lib/store/uidlist.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/maildir_name.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 30;

std::optional<std::uint32_t> parse_uid(std::string_view text) {
    auto value = parse_uint(text);
    if (!value || *value == 0 || *value >= 0xffffffff) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(*value);
}

FileStamp stamp_of_status(const struct stat& status) {
    auto nanoseconds = [](const timespec& time) {
        return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
    };
    return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
            nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

// Readers compare the modification time with seconds' precision only: it has to grow.
void make_newer(int fd, std::int64_t old_mtime_ns) {
    struct stat status;
    std::time_t old = old_mtime_ns / 1'000'000'000;
    if (::fstat(fd, &status) == 0 && status.st_mtim.tv_sec <= old &&
        old < status.st_mtim.tv_sec + 60) {
        std::array<timespec, 2> times{};
        times[0].tv_nsec = UTIME_OMIT;
        times[1].tv_sec = old + 1;
        ::futimens(fd, times.data());
    }
}

}  // namespace

FileStamp stamp_of(const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 ? stamp_of_status(status) : FileStamp();
}

std::string make_guid() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        timespec now;
        ::clock_gettime(CLOCK_REALTIME, &now);
        return format("{:016x}{:08x}{:08x}", now.tv_sec, now.tv_nsec, ::getpid());
    }
    std::string text;
    for (unsigned char byte : bytes) {
        text += format("{:02x}", byte);
    }
    return text;
}

Result<UidList> UidList::load(const std::string& directory) {
    UidList list;
    std::string path = directory + "/" + std::string(kFileName);
    auto fd = open_file(path, O_RDONLY);
    if (!fd) {
        if (fd.error().sys_errno == ENOENT) {
            return list;
        }
        return fail_with(fd);
    }
    struct stat status;
    if (::fstat(fd->get(), &status) < 0) {
        return fail_errno("stat " + path);
    }
    auto text = read_all(fd->get(), kMaxFile);
    if (!text) {
        return fail_with(text);
    }
    list.stamp = stamp_of_status(status);
    list.exists = true;
    list.parse(*text);
    return list;
}

Result<std::vector<UidListEntry>> UidList::load_extended(const std::string& directory) {
    std::vector<UidListEntry> found;
    auto text = read_file(directory + "/" + std::string(kFileName), kMaxFile);
    if (!text) {
        return text.error().sys_errno == ENOENT ? Result<std::vector<UidListEntry>>(found)
                                                : fail_with(text);
    }
    std::string_view left = *text;
    for (bool first = true; !left.empty(); first = false) {
        auto end = left.find('\n');
        std::string_view line = left.substr(0, end);
        left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
        if (first && !line.starts_with("3 ")) {
            break;
        }
        auto space = line.find(' ');
        auto colon = line.find(" :");
        if (first || colon == std::string_view::npos || colon == space) {
            continue;
        }
        if (auto uid = parse_uid(line.substr(0, space))) {
            found.push_back({*uid, std::string(line.substr(space + 1, colon - space - 1)), ""});
        }
    }
    return found;
}

std::optional<std::string_view> uidlist_extension(std::string_view extensions, char key) {
    while (!extensions.empty()) {
        std::string_view word = extensions.substr(0, extensions.find(' '));
        if (word.starts_with(key)) {
            return word.substr(1);
        }
        extensions.remove_prefix(std::min(extensions.size(), word.size() + 1));
    }
    return std::nullopt;
}

std::string with_uidlist_extension(std::string_view extensions, char key, std::string_view value) {
    std::string out;
    for (std::string_view word : split_words(extensions, " ")) {
        if (word.front() != key) {
            out += word;
            out += ' ';
        }
    }
    out += key;
    return out += value;
}

void UidList::parse(std::string_view text) {
    auto end = text.find('\n');
    std::string_view header = trim_right(text.substr(0, end), "\r");
    if (end == std::string_view::npos || !parse_header(header)) {
        // Nothing in it can be trusted: the mailbox needs a new UIDVALIDITY.
        uid_validity = 0;
        damaged = true;
        return;
    }
    int version = header.starts_with("3 ") ? 3 : 1;
    damaged = version != 3;
    text.remove_prefix(end + 1);
    while (!text.empty()) {
        end = text.find('\n');
        if (end == std::string_view::npos) {
            damaged = true;  // a torn line at the end
            return;
        }
        // Editors leave line ends of their own behind.
        if (!parse_entry(trim_right(text.substr(0, end), "\r"), version)) {
            damaged = true;
        }
        text.remove_prefix(end + 1);
    }
}

// "3 V123 N45 Gabc..." or "1 123 45"
std::string UidList::load_guid(const std::string& directory) {
    std::array<char, 1024> start{};
    auto fd = open_file(directory + "/" + std::string(kFileName), O_RDONLY);
    const ssize_t size = fd ? ::read(fd->get(), start.data(), start.size()) : 0;
    std::string_view text(start.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    UidList list;
    const auto end = text.find('\n');
    return end != std::string_view::npos && list.parse_header(text.substr(0, end)) ? list.guid : "";
}

bool UidList::parse_header(std::string_view line) {
    auto words = split_words(line, " ");
    if (words.empty()) {
        return false;
    }
    if (words[0] == "1") {
        auto validity = words.size() > 1 ? parse_uid(words[1]) : std::nullopt;
        auto next = words.size() > 2 ? parse_uid(words[2]) : std::nullopt;
        uid_validity = validity.value_or(0);
        next_uid = next.value_or(1);
        return validity && next;
    }
    if (words[0] != "3") {
        return false;
    }
    std::optional<std::uint32_t> validity;
    std::optional<std::uint32_t> next;
    for (std::size_t i = 1; i < words.size(); ++i) {
        std::string_view value = words[i].substr(1);
        if (words[i][0] == 'V') {
            validity = parse_uid(value);
        } else if (words[i][0] == 'N') {
            next = parse_uid(value);
        } else if (words[i][0] == 'G') {
            guid = value;
        } else {
            header_extensions += header_extensions.empty() ? "" : " ";
            header_extensions += words[i];
        }
    }
    uid_validity = validity.value_or(0);
    next_uid = next.value_or(1);
    return validity && next;
}

bool UidList::parse_entry(std::string_view line, int version) {
    auto space = line.find(' ');
    auto uid = parse_uid(line.substr(0, space));
    if (space == std::string_view::npos || !uid ||
        (!entries.empty() && *uid <= entries.back().uid)) {
        return false;
    }
    UidListEntry entry;
    entry.uid = *uid;
    std::string_view rest = line.substr(space + 1);
    if (version == 3) {
        std::size_t colon = rest.starts_with(':') ? 0 : rest.find(" :");
        if (colon == std::string_view::npos) {
            return false;
        }
        entry.extensions = rest.substr(0, colon);
        rest.remove_prefix(colon + (rest[colon] == ' ' ? 2 : 1));
    }
    rest = maildir_base(rest);  // nobody writes flags today, but there are lists that have them
    if (rest.empty() || rest.find('/') != std::string_view::npos) {
        return false;
    }
    entry.base = rest;
    next_uid = std::max(next_uid, entry.uid + 1);
    entries.push_back(std::move(entry));
    return true;
}

bool UidList::has_room_for(std::size_t count) const {
    const std::uint32_t used_up = kLastUid + 1;
    bool in_order = entries.empty() || entries.back().uid < next_uid;
    return in_order && next_uid <= used_up && count <= used_up - next_uid;
}

UidListEntry& UidList::add(std::string base, std::string extensions) {
    UidListEntry& entry = entries.emplace_back();
    entry.uid = next_uid++;
    entry.extensions = std::move(extensions);
    entry.base = std::move(base);
    return entry;
}

std::string UidList::format_entry(const UidListEntry& entry) {
    std::string line = std::to_string(entry.uid);
    line += ' ';
    if (!entry.extensions.empty()) {
        line += entry.extensions;
        line += ' ';
    }
    line += ':';
    line += entry.base;
    line += '\n';
    return line;
}

Result<void> UidList::append(const std::string& directory, std::size_t count) {
    std::string path = directory + "/" + std::string(kFileName);
    auto fd = open_file(path, O_WRONLY | O_APPEND);
    if (!fd) {
        return fail_with(fd);
    }
    std::string text;
    for (std::size_t i = entries.size() - count; i < entries.size(); ++i) {
        text += format_entry(entries[i]);
    }
    struct stat status;
    bool known = ::fstat(fd->get(), &status) == 0;
    auto written = write_all(fd->get(), text);
    if (!written) {
        // A torn line would have to be repaired, for which there may be no room either.
        if (known && ::ftruncate(fd->get(), status.st_size) < 0) {
            return fail_errno("take back what was written to " + path);
        }
        return written;
    }
    if (::fstat(fd->get(), &status) == 0) {
        stamp = stamp_of_status(status);
    }
    return {};
}

Result<void> UidList::rewrite(const std::string& directory, unsigned mode) {
    std::string path = directory + "/" + std::string(kFileName);
    std::string temporary = path + ".tmp";
    if (guid.empty()) {
        guid = make_guid();
    }
    std::string text = format("3 V{} N{} G{}", uid_validity, next_uid, guid);
    text += header_extensions.empty() ? "" : " " + header_extensions;
    text += '\n';
    for (const UidListEntry& entry : entries) {
        text += format_entry(entry);
    }
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (!fd) {
        return fail_with(fd);
    }
    auto written = write_all(fd->get(), text);
    make_newer(fd->get(), stamp_of(path).mtime_ns);
    if (written && ::fdatasync(fd->get()) < 0) {
        written = fail_errno("sync " + temporary);
    }
    if (written && std::rename(temporary.c_str(), path.c_str()) < 0) {
        written = fail_errno("rename " + temporary);
    }
    written = written ? sync_name_if_strict(path) : written;
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    struct stat status;
    if (::fstat(fd->get(), &status) == 0) {
        stamp = stamp_of_status(status);
    }
    exists = true;
    damaged = false;
    return {};
}

}  // namespace relais
