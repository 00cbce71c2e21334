#include "lib/store/directory_scan.h"

#include <bit>
#include <functional>

#include "lib/store/file_kind.h"
#include "lib/store/maildir_name.h"

namespace relais {

Result<void> FoundFiles::read(const std::string& directory, bool in_new) {
    return for_each_entry(
        directory,
        [this, in_new](std::string_view name, std::optional<FileKind>) { add(name, in_new); });
}

void FoundFiles::add(std::string_view name, bool in_new) {
    std::string_view base = maildir_base(name);
    if (name.starts_with('.') || base.empty() || name.size() > 255 ||
        name.find('\n') != std::string_view::npos || names_.size() > 0xf0000000) {
        return;
    }
    FoundFile file;
    file.name_at = static_cast<std::uint32_t>(names_.size());
    file.name_size = static_cast<std::uint16_t>(name.size());
    file.base_size = static_cast<std::uint16_t>(base.size());
    file.in_new = in_new;
    names_ += name;
    files_.push_back(file);
}

std::size_t FoundFiles::slot_of(std::string_view base) const {
    return std::hash<std::string_view>{}(base) & (table_.size() - 1);
}

void FoundFiles::index() {
    table_.assign(std::bit_ceil(files_.size() * 2 + 2), 0);
    for (std::size_t i = 0; i < files_.size(); ++i) {
        std::string_view own = base(files_[i]);
        std::size_t slot = slot_of(own);
        while (table_[slot] != 0 && base(files_[table_[slot] - 1]) != own) {
            slot = (slot + 1) & (table_.size() - 1);
        }
        if (table_[slot] == 0) {
            table_[slot] = static_cast<std::uint32_t>(i + 1);
            continue;
        }
        // Seen twice: it was moved or renamed while the directories were read.
        FoundFile& first = files_[table_[slot] - 1];
        if (first.in_new || files_[i].name_size > first.name_size) {
            first.used = true;
            table_[slot] = static_cast<std::uint32_t>(i + 1);
        } else {
            files_[i].used = true;
        }
    }
}

FoundFile* FoundFiles::find(std::string_view base_name) {
    if (table_.empty()) {
        return nullptr;
    }
    for (std::size_t slot = slot_of(base_name); table_[slot] != 0;
         slot = (slot + 1) & (table_.size() - 1)) {
        FoundFile& file = files_[table_[slot] - 1];
        if (base(file) == base_name) {
            return &file;
        }
    }
    return nullptr;
}

}  // namespace relais
