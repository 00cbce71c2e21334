#include "lib/store/nested_names.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/utf7.h"
#include "lib/store/directory_id.h"
#include "lib/store/file_kind.h"
#include "lib/store/line_names.h"

namespace relais {

namespace {

constexpr std::size_t kMaxName = 1000;
constexpr std::size_t kMaxLevel = 250;
constexpr std::size_t kMaxDirectories = 50'000;

// What clients see of a level; nothing where they could not name it.
std::optional<std::string> level_from_disk(const std::string& entry, const DiskNames& names) {
    const bool clear = names.separator == '/' || !entry.contains(names.separator);
    if (!clear || breaks_lines(entry, names)) {
        return std::nullopt;
    }
    if (names.encoding == NameEncoding::kUtf8) {
        return imap::utf8_to_utf7(entry);
    }
    return imap::utf7_to_utf8(entry) ? std::optional(entry) : std::nullopt;
}

std::string level_trouble(std::string_view level, ReservedLevel is_reserved) {
    if (level.empty()) {
        return "Has adjacent hierarchy separators";
    }
    if (level == "." || level == "..") {
        return "Contains '" + std::string(level) + "' part";
    }
    if (level.size() > kMaxLevel) {
        return "Name is too long";
    }
    return is_reserved(level) ? "Contains reserved name" : "";
}

class Visitor {
  public:
    Visitor(const DiskNames& names, const NestedVisit& visit) : names_(names), visit_(visit) {}

    Result<void> look_into(const std::string& directory, const std::string& prefix,
                           std::size_t depth) {
        const auto id = directory_id(directory);
        if (id && std::ranges::find(above_, id) != above_.end()) {
            return {};  // there are links
        }
        if (++directories_ > kMaxDirectories) {
            return fail(Errc::kTooLarge, directory + ": there are too many directories");
        }
        auto entries = list_directory(directory);
        if (!entries) {
            return fail_with(entries);
        }
        above_.push_back(id);
        for (const std::string& entry : *entries) {
            if (auto level = level_from_disk(entry, names_)) {
                show({format("{}/{}", directory, entry), prefix + *level, entry, depth});
            }
        }
        above_.pop_back();
        return {};
    }

    Result<void> outcome() { return std::move(outcome_); }

  private:
    void show(const NestedEntry& entry) {
        auto descend = visit_(entry);
        note(descend);
        if (descend == Descend::kYes && entry.depth < kMostLevels) {
            note(look_into(entry.path, entry.name + names_.separator, entry.depth + 1));
        }
    }

    template <class Outcome>
    void note(const Outcome& outcome) {
        if (!outcome && outcome_ && !means_nothing_there(outcome.error().sys_errno)) {
            outcome_ = fail_with(outcome);
        }
    }

    const DiskNames& names_;
    const NestedVisit& visit_;
    std::vector<std::optional<DirectoryId>> above_;
    std::size_t directories_ = 0;
    Result<void> outcome_;
};

}  // namespace

std::string nested_name_trouble(std::string_view name, const DiskNames& names,
                                ReservedLevel is_reserved) {
    if (name.empty()) {
        return "Name is empty";
    }
    auto decoded = imap::utf7_to_utf8(name);
    if (!decoded || decoded->contains('\0')) {
        return "Name is not valid mUTF-7";
    }
    if (names.separator != '/' && name.contains('/')) {
        return "Name must not have '/' characters";
    }
    if (name.front() == names.separator) {
        return "Begins with hierarchy separator";
    }
    const std::string path = mailbox_to_disk(name, names);
    if (breaks_lines(path, names)) {
        return "Name has control characters";
    }
    auto levels = split_fields(path, '/');
    if (path.size() > kMaxName || levels.size() > kMostLevels) {
        return "Name is too long";
    }
    for (std::string_view level : levels) {
        std::string why = level_trouble(level, is_reserved);
        if (!why.empty()) {
            return why;
        }
    }
    return "";
}

NestedOutcome visit_nested(const std::string& root, const DiskNames& names,
                           const NestedVisit& visit) {
    Visitor visitor(names, visit);
    auto seen = visitor.look_into(root, "", 1);
    return {std::move(seen), visitor.outcome()};
}

NestedVisit directories_with(std::string part,
                             std::function<bool(const NestedEntry&)> may_be_folder,
                             std::vector<std::string>* found) {
    return [part = std::move(part), may_be_folder = std::move(may_be_folder),
            found](const NestedEntry& entry) -> Result<Descend> {
        if (!may_be_folder(entry)) {
            return Descend::kNo;
        }
        auto kind = file_kind(entry.path);
        if (kind != FileKind::kDirectory) {
            return kind ? Result<Descend>(Descend::kNo) : fail_with(kind);
        }
        auto mail = file_kind(format("{}/{}", entry.path, part));
        if (mail == FileKind::kDirectory) {
            found->push_back(entry.name);
        }
        return mail ? Result<Descend>(Descend::kYes) : fail_with(mail);
    };
}

std::vector<std::string> nested_directories(
    const std::string& root, const DiskNames& names,
    const std::function<bool(const NestedEntry&)>& may_be_folder) {
    std::vector<std::string> directories = {root};
    auto visit = [&](const NestedEntry& entry) -> Result<Descend> {
        if (!may_be_folder(entry) || !is_directory(entry.path)) {
            return Descend::kNo;
        }
        directories.push_back(entry.path);
        return Descend::kYes;
    };
    (void)visit_nested(root, names, visit);
    return directories;
}

void remove_empty_directories(std::string directory, const std::string& root) {
    while (directory.size() > root.size() && directory.starts_with(root) &&
           ::rmdir(directory.c_str()) == 0) {
        directory.resize(directory.rfind('/'));
    }
}

}  // namespace relais
