// Fuzz target: what an IMAP server, or a doveadm server, can answer to doveadm backup, and what the
// memory of a synchronization can have become on disk, or its state on a command line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sync/doveadm_replica.h"
#include "lib/sync/imap_responses.h"
#include "lib/sync/sync_memory.h"
#include "lib/sync/sync_state.h"

using namespace relais;

// All values of a doveadm server's answers, however its bytes come.
static void take_frames(std::string_view text) {
    doveadm_wire::Frames frames;
    std::string answers;
    std::vector<std::string> log;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t size = std::min<std::size_t>(rest.size(), 7);
        if (!frames.take(rest.substr(0, size), answers, log)) {
            break;
        }
        rest.remove_prefix(size);
    }
    std::vector<std::string> row;
    for (std::string_view rest = answers;;) {
        const auto piece = doveadm_wire::next_piece(rest);
        if (piece.kind != doveadm_wire::Piece::Kind::kValue) {
            break;
        }
        row.push_back(piece.value);
        rest.remove_prefix(piece.size);
    }
    auto message = parse_fetched_row(row);
    if (message && (!is_sync_uid(message->uid) || message->guid.contains(' '))) {
        std::abort();
    }
}

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    take_frames(text);
    static_cast<void>(imap::parse_list_response(text));
    static_cast<void>(imap::parse_exists(text));
    static_cast<void>(imap::parse_code_number(text, "UIDNEXT"));
    static_cast<void>(imap::literal_at_end(text));
    auto fetched = imap::parse_fetch_response(text);
    for (const std::string& keyword :
         fetched && fetched->flags ? fetched->flags->keywords : std::vector<std::string>()) {
        if (keyword.empty() || keyword.find_first_of(" \r\n()\\") != std::string::npos) {
            std::abort();  // no keyword of ours
        }
    }
    auto memory = SyncMemory::parse(text);
    if (memory) {
        auto again = SyncMemory::parse(memory->serialize());
        if (!again || again->serialize() != memory->serialize()) {
            std::abort();
        }
    }
    auto state = parse_sync_state(text);
    if (state && parse_sync_state(serialize_sync_state(*state)) != *state) {
        std::abort();
    }
    return 0;
}
