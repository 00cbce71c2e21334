// The protocol of nbdb_reindexd(8), which builds tables in the type that takes Berkeley DB's place:
// after the announcement one request (nbdb_type, nbdb_path) and one reply (status, reason).
#pragma once

#include <string_view>

namespace relais {

inline constexpr std::string_view kNbdbReindexProtocol = "nbdb_reindex";

enum class NbdbStatus : int {
    kDone = 0,    // the table is there
    kFailed = 1,  // the reason tells why not
};

}  // namespace relais
