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

// All that these changes give to messages.
std::vector<std::string> given_names(const std::vector<MoreKeywords::Change>& changes) {
    std::vector<std::string> names;
    for (const MoreKeywords::Change& change : changes) {
        if (change.how != FlagChange::kRemove) {
            names.insert(names.end(), change.keywords.begin(), change.keywords.end());
        }
    }
    return names;
}

}  // namespace

bool WithoutCase::operator()(std::string_view a, std::string_view b) const {
    return std::ranges::lexicographical_compare(a, b, {}, to_lower, to_lower);
}

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
    for (std::string_view line : split_fields(text, '\n')) {
        auto parts = split_first(line, '\t');
        if (!parts || parts->first.empty()) {
            continue;
        }
        Names names;
        NameSet of_line;
        for (std::string_view word : split_words(parts->second, " ")) {
            bool usable = word.size() <= kLongestName && std::ranges::all_of(word, is_print);
            if (usable && !of_line.contains(word) &&
                (found.known_.contains(word) || found.known_.size() < kMostNames)) {
                found.known_.emplace(word);
                of_line.emplace(word);
                names.emplace_back(word);
            }
        }
        if (!names.empty()) {
            found.entries_.insert_or_assign(tab_unescape(parts->first), std::move(names));
        }
    }
    found.note_names();  // a later line may have taken the place of an earlier one
    return found;
}

void MoreKeywords::note_names() {
    known_.clear();
    for (const auto& [base, names] : entries_) {
        known_.insert(names.begin(), names.end());
    }
}

std::string MoreKeywords::to_string() const {
    std::string text;
    for (const auto& [base, names] : entries_) {
        text += tab_escape(base) + '\t' + join(names, " ") + '\n';
    }
    return text;
}

bool MoreKeywords::is_crowded(const Names& wanted, std::size_t most_lines) const {
    const NameSet fitting = with_room(wanted);
    return entries_.size() > most_lines ||
           std::ranges::any_of(wanted, [&fitting](const std::string& name) {
               return name.size() <= kLongestName && !fitting.contains(name);
           });
}

void MoreKeywords::drop_others(const Bases& there) {
    std::erase_if(entries_, [&there](const auto& entry) { return !there.contains(entry.first); });
    note_names();
}

void MoreKeywords::apply(const Change& change, const NameSet& fitting, Bases& changed) {
    Names by = change.keywords;
    if (change.how != FlagChange::kRemove) {
        std::erase_if(by, [&fitting](const std::string& name) { return !fitting.contains(name); });
    }
    for (const std::string& base : change.bases) {
        const Names& old = of(base);
        Names wanted = changed_keywords(old, change.how, by);
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
                                                 const std::vector<Change>& changes,
                                                 const Census& census) {
    MoreKeywords next = *this;
    const Names given = given_names(changes);
    if (next.is_crowded(given, census.most_lines)) {
        if (auto there = census.bases()) {
            next.drop_others(*there);
        }
    }
    const NameSet fitting = next.with_room(given);
    Bases changed;
    for (const Change& change : changes) {
        next.apply(change, fitting, changed);
    }
    if (changed.empty()) {
        return changed;
    }
    next.note_names();
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

MoreKeywords::Bases MoreKeywords::differing(const MoreKeywords& other) const {
    Bases bases;
    auto add = [&bases](const MoreKeywords& from, const MoreKeywords& in) {
        for (const auto& [base, names] : from.entries_) {
            if (in.of(base) != names) {
                bases.insert(base);
            }
        }
    };
    add(*this, other);
    add(other, *this);
    return bases;
}

MoreKeywords::NameSet MoreKeywords::with_room(const Names& wanted) const {
    NameSet fitting;
    std::size_t room = kMostNames - std::min(kMostNames, known_.size());
    for (const std::string& name : wanted) {
        const bool known = known_.contains(name);
        if (name.size() > kLongestName || (!known && room == 0)) {
            continue;
        }
        const bool first = fitting.insert(name).second;
        room -= first && !known ? 1 : 0;
    }
    return fitting;
}

}  // namespace relais
