// Does the same to every file of a queue, many at a time: what a file system makes one wait for
// (a journal, a disk) overlaps.  The memory that this takes does not depend on their number.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lib/base/result.h"
#include "lib/queue/queue_scan.h"

namespace relais {

// True where it was done, false where it does not apply.  Called on several threads: it may touch
// nothing but the file system, and does not log.
using FileAction = std::function<Result<bool>(const QueueScan::Entry& entry)>;

// How much of what is done to several files at a time goes on beside each other.  kLittle: a rename
// into another directory holds a lock of the whole file system; more threads would wait for it.
enum class Overlap { kLittle, kMuch };

struct FilesDone {
    std::uint64_t done = 0;
    bool failed = false;  // for one of them at least
};

// Errors are logged, but for files that are gone; fatal at last where a directory cannot be read.
[[nodiscard]] FilesDone on_every_file(const std::string& queue, Overlap overlap, FileAction action);

}  // namespace relais
