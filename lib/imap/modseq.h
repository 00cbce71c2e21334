// The arguments of CONDSTORE and QRESYNC (RFC 7162).
#pragma once

#include <cstdint>
#include <optional>

#include "lib/imap/scanner.h"
#include "lib/imap/sequence_set.h"

namespace relais::imap {

// mod-sequence-valzer: at most 63 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_modseq(Scanner& scanner);

// What a client knows of a mailbox that it has seen before (3.2.5).
struct Resync {
    std::uint32_t uid_validity = 0;
    std::uint64_t modseq = 0;
    std::optional<SequenceSet> known_uids;
    // Some sequence numbers, and the UIDs that messages had at them; as many of both.
    SequenceSet match_numbers;
    SequenceSet match_uids;
};

// The parameters of SELECT and EXAMINE.
struct SelectParameters {
    bool condstore = false;
    std::optional<Resync> resync;
};

// Up to the end of the command, from behind the mailbox on; nothing where it is wrong.
[[nodiscard]] std::optional<SelectParameters> parse_select_parameters(Scanner& scanner);

}  // namespace relais::imap
