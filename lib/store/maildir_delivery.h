// Delivery into a Maildir, for local(8) and virtual(8): the message is written and synced in tmp/
// and then moved to new/, so that readers and crashes see all of it or nothing.
// Runs with the caller's effective uid and blocks; event-driven callers wrap it in run_blocking().
#pragma once

#include <cstdint>
#include <string>

#include "lib/store/file_sink.h"

namespace relais {

enum class DirectorySync { kNo, kYes };

struct MaildirTarget {
    std::string directory;  // with or without the final slash; made when missing, mode 0700
    std::string host;       // myhostname, the last part of the file's name
    DirectorySync directory_sync = DirectorySync::kYes;
};

struct DeliveredFile {
    std::string path;
    std::uint64_t size = 0;
};

// Errors of the file system carry sys_errno and a text like "create maildir file PATH: REASON".
[[nodiscard]] Result<DeliveredFile> deliver_maildir(const MaildirTarget& target,
                                                    const ContentWriter& content);

// The host part of a Maildir file name: "/" and ":" are written as octal escapes.
[[nodiscard]] std::string maildir_host(std::string_view host);

}  // namespace relais
