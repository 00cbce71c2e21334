#include "lib/store/keyword_file.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"

namespace relais {

Result<KeywordFile> KeywordFile::load(const std::string& directory) {
    KeywordFile file;
    std::string path = directory + "/" + std::string(kFileName);
    file.stamp_ = stamp_of(path);
    auto text = read_file(path, 1 << 20);
    if (!text) {
        if (text.error().sys_errno == ENOENT) {
            file.stamp_ = FileStamp();
            return file;
        }
        return fail_with(text);
    }
    for (std::string_view line : split_fields(*text, '\n')) {
        auto parts = split_first(line, ' ');
        auto number = parts ? parse_uint(parts->first) : std::nullopt;
        if (number && *number < static_cast<std::uint64_t>(kMaxKeywords) &&
            !parts->second.empty()) {
            file.names_[*number] = parts->second;
        }
    }
    return file;
}

std::optional<int> KeywordFile::find(std::string_view name) const {
    auto found = std::ranges::find_if(
        names_, [name](const std::string& known) { return iequals(known, name); });
    if (found == names_.end() || name.empty()) {
        return std::nullopt;
    }
    return static_cast<int>(found - names_.begin());
}

std::optional<int> KeywordFile::find_or_add(std::string_view name) {
    if (auto number = find(name)) {
        return number;
    }
    auto free = std::ranges::find(names_, "");
    if (free == names_.end()) {
        return std::nullopt;
    }
    *free = name;
    return static_cast<int>(free - names_.begin());
}

bool KeywordFile::name_letters(std::uint32_t letters, const KeywordFile& known) {
    bool changed = false;
    for (int i = 0; i < kMaxKeywords; ++i) {
        std::string& name = names_[static_cast<std::size_t>(i)];
        if ((letters >> i & 1) != 0 && name.empty()) {
            std::string_view old = known.name(i);
            name = old.empty() || find(old) ? "unknown-" + std::to_string(i) : std::string(old);
            changed = true;
        }
    }
    return changed;
}

std::uint32_t KeywordFile::letters_of(const std::vector<std::string>& names) const {
    std::uint32_t letters = 0;
    for (const std::string& name : names) {
        auto number = find(name);
        letters |= number ? 1U << *number : 0;
    }
    return letters;
}

std::vector<std::string> KeywordFile::names() const {
    std::vector<std::string> all;
    for (const std::string& name : names_) {
        if (!name.empty()) {
            all.push_back(name);
        }
    }
    return all;
}

bool KeywordFile::full() const {
    return std::ranges::none_of(names_, &std::string::empty);
}

Result<void> KeywordFile::write(const std::string& directory, unsigned mode) {
    std::string path = directory + "/" + std::string(kFileName);
    std::string temporary = path + ".tmp";
    std::string text;
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (!names_[i].empty()) {
            text += std::to_string(i) + " " + names_[i] + "\n";
        }
    }
    FileStamp before = stamp_of(path);
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (!fd) {
        return fail_with(fd);
    }
    auto written = write_all(fd->get(), text);
    std::time_t old = before.mtime_ns / 1'000'000'000;
    struct stat status;
    if (::fstat(fd->get(), &status) == 0 && status.st_mtim.tv_sec <= old) {
        std::array<timespec, 2> times{};
        times[0].tv_nsec = UTIME_OMIT;
        times[1].tv_sec = old + 1;
        ::futimens(fd->get(), times.data());
    }
    if (written && ::fdatasync(fd->get()) < 0) {
        written = fail_errno("sync " + temporary);
    }
    if (written && std::rename(temporary.c_str(), path.c_str()) < 0) {
        written = fail_errno("rename " + temporary);
    }
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    stamp_ = stamp_of(path);
    return {};
}

}  // namespace relais
