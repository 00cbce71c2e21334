#include "lib/store/dict_file.h"

#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/mailbox_lock.h"
#include "lib/store/tab_escape.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{32} << 20;

}  // namespace

DictFile DictFile::parse(std::string_view text) {
    DictFile dict;
    auto lines = split_fields(text, '\n');
    for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
        // A key without a value at the end of a torn file, and the field behind the last line end.
        bool whole = i + 2 < lines.size() && !lines[i].empty();
        if (whole) {
            dict.entries_.insert_or_assign(tab_unescape(lines[i]), tab_unescape(lines[i + 1]));
        }
    }
    return dict;
}

std::string DictFile::to_string() const {
    std::string text;
    for (const auto& [key, value] : entries_) {
        text += tab_escape(key) + '\n' + tab_escape(value) + '\n';
    }
    return text;
}

Result<DictFile> DictFile::load(const std::string& path) {
    auto text = read_file(path, kMaxFile);
    if (!text) {
        return text.error().sys_errno == ENOENT ? Result<DictFile>(DictFile()) : fail_with(text);
    }
    return parse(*text);
}

Task<Result<void>> DictFile::change(std::string path, unsigned mode,
                                    std::function<bool(DictFile&)> change) {
    auto lock = co_await MailboxLock::acquire(path);
    if (!lock) {
        co_return fail_with(lock);
    }
    auto dict = load(path);
    if (!dict) {
        co_return fail_with(dict);
    }
    if (!change(*dict)) {
        co_return Result<void>();
    }
    std::string text = dict->to_string();
    bool readable = text.size() <= kMaxFile;
    co_return readable ? replace_file(path, text, mode)
                       : fail(Errc::kTooLarge, path + ": it would be too large");
}

const std::string* DictFile::find(std::string_view key) const {
    auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
}

std::vector<std::string> DictFile::keys_below(std::string_view prefix) const {
    std::vector<std::string> keys;
    for (auto at = entries_.lower_bound(prefix);
         at != entries_.end() && at->first.starts_with(prefix); ++at) {
        keys.push_back(at->first);
    }
    return keys;
}

bool DictFile::set(std::string key, std::string value) {
    auto found = entries_.find(key);
    if (found != entries_.end() && found->second == value) {
        return false;
    }
    entries_.insert_or_assign(std::move(key), std::move(value));
    return true;
}

bool DictFile::remove(std::string_view key) {
    auto found = entries_.find(key);
    if (found == entries_.end()) {
        return false;
    }
    entries_.erase(found);
    return true;
}

}  // namespace relais
