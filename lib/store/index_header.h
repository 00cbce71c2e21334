// How the quick-start file of a Mailbox begins (mailbox_index.cc).
#pragma once

#include <array>
#include <cstdint>

#include "lib/store/uidlist.h"

namespace relais {

struct IndexHeader {
    std::array<char, 8> magic{};
    std::uint64_t checksum = 0;  // of everything behind it
    std::uint32_t uid_validity = 0;
    std::uint32_t next_uid = 0;
    std::uint32_t first_recent = 0;
    std::uint32_t count = 0;
    std::uint64_t names_size = 0;
    std::uint64_t listed = 0;
    std::uint64_t settled = 0;  // 0: a scan was due
    std::array<FileStamp, 5> stamps{};
    std::uint64_t last_change = 0;
    std::uint64_t floor = 0;
    std::uint64_t journal_last = 0;  // the latest record of relais.changes that is in here
    std::uint32_t tracked = 0;       // there is a relais.changes
    std::uint32_t runs = 0;          // of messages with the same number; none where not tracked
    std::array<char, 32> guid{};
};

}  // namespace relais
