// Bounds and facts of a delivery agent's process: the largest file, the host name.
#pragma once

#include <string>
#include <string_view>

#include "lib/store/maildir_delivery.h"

namespace relais {

// Ends the process where a mailbox may not even hold one message (message_size_limit).  0 means no
// limit.
void check_mailbox_limit(std::string_view parameter, long limit);

// No file that this process or its children write becomes larger; 0: any size.  A write beyond it
// fails with EFBIG.
void limit_file_size(long limit);

// Whether a delivery into this Maildir ends with fsync of new/.  The message's name there is
// younger than the fsync of its file.  Where one journal holds mailbox and queue, the end of the
// queue file is younger still; elsewhere it could outlive a crash that the name in new/ does not.
// Called in the queue directory.
[[nodiscard]] DirectorySync maildir_sync(const std::string& directory);

// gethostname(2): the host in the names of Maildir files.
[[nodiscard]] std::string system_host_name();

}  // namespace relais
