#include "lib/store/more_keywords.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/tab_escape.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{32} << 20;

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::any_of(names,
                               [name](const std::string& each) { return iequals(each, name); });
}

void add_missing(std::vector<std::string>& names, const std::vector<std::string>& more) {
    for (const std::string& name : more) {
        if (!contains(names, name)) {
            names.push_back(name);
        }
    }
}

}  // namespace

std::vector<std::string> changed_keywords(std::vector<std::string> old, FlagChange how,
                                          const std::vector<std::string>& by) {
    if (how == FlagChange::kRemove) {
        std::erase_if(old, [&by](const std::string& name) { return contains(by, name); });
        return old;
    }
    if (how == FlagChange::kReplace) {
        std::erase_if(old, [&by](const std::string& name) { return !contains(by, name); });
    }
    add_missing(old, by);
    return old;
}

Result<MoreKeywords> MoreKeywords::load(const std::string& directory) {
    std::string path = directory + "/" + std::string(kFileName);
    FileStamp stamp = stamp_of(path);
    auto text = read_file(path, kMaxFile);
    if (!text) {
        return text.error().sys_errno == ENOENT ? Result<MoreKeywords>(MoreKeywords())
                                                : fail_with(text);
    }
    MoreKeywords found = parse(*text);
    found.stamp_ = stamp;
    return found;
}

MoreKeywords MoreKeywords::parse(std::string_view text) {
    MoreKeywords found;
    Names known;
    for (std::string_view line : split_fields(text, '\n')) {
        auto parts = split_first(line, '\t');
        if (!parts || parts->first.empty()) {
            continue;
        }
        Names names;
        for (std::string_view word : split_words(parts->second, " ")) {
            bool usable = word.size() <= kLongestName && std::ranges::all_of(word, is_print);
            if (usable && !contains(names, word) &&
                (contains(known, word) || known.size() < kMostNames)) {
                add_missing(known, {std::string(word)});
                names.emplace_back(word);
            }
        }
        if (!names.empty()) {
            found.entries_.insert_or_assign(tab_unescape(parts->first), std::move(names));
        }
    }
    return found;
}

std::string MoreKeywords::to_string() const {
    std::string text;
    for (const auto& [base, names] : entries_) {
        text += tab_escape(base) + '\t' + join(names, " ") + '\n';
    }
    return text;
}

void MoreKeywords::apply(const Change& change, Bases& changed) {
    for (const std::string& base : change.bases) {
        const Names& old = of(base);
        Names wanted = changed_keywords(old, change.how, change.keywords);
        if (wanted == old) {
            continue;
        }
        changed.insert(base);
        if (wanted.empty()) {
            entries_.erase(base);
        } else {
            entries_.insert_or_assign(base, std::move(wanted));
        }
    }
}

Result<MoreKeywords::Bases> MoreKeywords::change(const std::string& directory, unsigned mode,
                                                 const std::vector<Change>& changes) {
    MoreKeywords next = *this;
    Bases changed;
    for (const Change& change : changes) {
        next.apply(change, changed);
    }
    if (changed.empty()) {
        return changed;
    }
    std::string path = directory + "/" + std::string(kFileName);
    std::string text = next.to_string();
    if (text.size() > kMaxFile) {
        return fail(Errc::kTooLarge, path + ": it would be too large");
    }
    auto written = replace_file(path, text, mode);
    if (!written) {
        return fail_with(written);
    }
    *this = std::move(next);
    stamp_ = stamp_of(path);
    return changed;
}

const MoreKeywords::Names& MoreKeywords::of(std::string_view base) const {
    static const Names none;
    auto found = entries_.find(base);
    return found == entries_.end() ? none : found->second;
}

MoreKeywords::Names MoreKeywords::names() const {
    Names all;
    for (const auto& [base, names] : entries_) {
        add_missing(all, names);
    }
    return all;
}

MoreKeywords::Names MoreKeywords::with_room(Names wanted) const {
    Names known = wanted.empty() ? Names() : names();
    std::erase_if(wanted, [&known](const std::string& name) {
        bool fits =
            contains(known, name) || (known.size() < kMostNames && name.size() <= kLongestName);
        if (fits) {
            add_missing(known, {name});
        }
        return !fits;
    });
    return wanted;
}

}  // namespace relais
