#include "lib/base/durability.h"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

std::atomic<Durability>& of_this_process() {
    static std::atomic<Durability> durability{Durability::kJournal};
    return durability;
}

Result<void> sync_file_system_of(const std::string& file) {
    auto fd = open_file(file, O_RDONLY);
    if (!fd && fd.error().sys_errno == ENOENT) {
        return {};  // whoever has taken it on already has synced what he made of it
    }
    if (!fd) {
        return fail_with(fd);
    }
    return ::syncfs(fd->get()) == 0 ? Result<void>() : fail_errno("syncfs " + file);
}

}  // namespace

void set_durability(Durability durability) {
    of_this_process() = durability;
}

Durability durability() {
    return of_this_process();
}

Result<void> sync_name_if_strict(const std::string& path) {
    if (durability() != Durability::kStrict) {
        return {};
    }
    auto synced = sync_directory(parent_directory(path));
    bool unreadable = !synced && synced.error().sys_errno == EACCES;
    return unreadable ? sync_file_system_of(path) : synced;
}

}  // namespace relais
