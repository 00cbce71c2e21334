// Changes in the middle of an mbox file, which others append to and nobody may lose a message of.
//
// What keeps its length is written in place.  For all else, what the file will have from the first
// change on is written beside it first (a plan), and synced; then it is copied into the file.  Who
// finds a plan that was not carried out, after a crash, carries it out, if the file is what the
// plan knows: half old, half new, with what others have appended since kept behind it.  A file that
// somebody else has changed meanwhile stays as it is, and the plan beside it.
//
// The file keeps its inode, since programs wait for locks on it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/base/result.h"

namespace relais {

// The bytes in [from, to) become `text`.
struct MboxEdit {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string text;

    std::int64_t growth() const {
        return static_cast<std::int64_t>(text.size()) - static_cast<std::int64_t>(to - from);
    }
};

// Edits come in the order of their places, and do not overlap; the exclusive lock is held.  An
// error leaves the file as it was, or as it will be once finish_mbox_plan() is called.
[[nodiscard]] Result<void> edit_mbox(int fd, const std::string& plan_path,
                                     std::span<const MboxEdit> edits);

// Carries out what was begun; the exclusive lock is held.  True when there was something.
[[nodiscard]] Result<bool> finish_mbox_plan(int fd, const std::string& plan_path);

}  // namespace relais
