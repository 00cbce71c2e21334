#include "lib/store/special_uses.h"

#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

bool is_use(std::string_view word) {
    return word.size() > 1 && word.front() == '\\' && std::ranges::all_of(word.substr(1), is_alnum);
}

}  // namespace

SpecialUses SpecialUses::load(const std::string& root, const DiskNames& names) {
    SpecialUses uses;
    uses.names_ = names;
    auto text = read_file(root + "/" + std::string(kFileName), kMaxFile);
    for (std::string_view line : split_fields(text ? std::string_view(*text) : "", '\n')) {
        auto parts = split_first(line, '\t');
        auto name = parts ? mailbox_from_disk(parts->first, names) : std::nullopt;
        auto words = split_words(parts ? parts->second : "", " \r");
        if (name && !words.empty() && std::ranges::all_of(words, is_use)) {
            uses.uses_.emplace(*name, std::string(trim(parts->second)));
        }
    }
    return uses;
}

std::string_view SpecialUses::find(std::string_view name) const {
    auto found = uses_.find(name);
    return found == uses_.end() ? std::string_view() : found->second;
}

bool SpecialUses::is_given(std::string_view use) const {
    return std::ranges::any_of(uses_, [use](const auto& entry) {
        return std::ranges::any_of(split_words(entry.second, " "),
                                   [use](std::string_view word) { return iequals(word, use); });
    });
}

bool SpecialUses::set(std::string_view name, std::string uses) {
    if (uses.empty()) {
        return remove(name);
    }
    std::string& old = uses_[std::string(name)];
    bool changed = old != uses;
    old = std::move(uses);
    return changed;
}

bool SpecialUses::remove(std::string_view name) {
    return uses_.erase(std::string(name)) > 0;
}

bool SpecialUses::rename(std::string_view from, std::string_view to) {
    std::string below = std::string(from) + names_.separator;
    std::map<std::string, std::string, std::less<>> renamed;
    bool changed = false;
    for (auto& [name, uses] : uses_) {
        bool moves = name == from || name.starts_with(below);
        renamed.emplace(moves ? std::string(to) + name.substr(from.size()) : name, uses);
        changed |= moves;
    }
    uses_.swap(renamed);
    return changed;
}

Result<void> SpecialUses::save(const std::string& root, unsigned mode) const {
    std::string text;
    for (const auto& [name, uses] : uses_) {
        text += mailbox_to_disk(name, names_) + '\t' + uses + '\n';
    }
    return replace_file(root + "/" + std::string(kFileName), text, mode);
}

}  // namespace relais
