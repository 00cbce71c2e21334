#include "lib/store/own_seen.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/dovecot_index.h"

namespace relais {

namespace {

using imap::SequenceSet;
using Ranges = std::vector<SequenceSet::Range>;

constexpr std::size_t kMaxFile = std::size_t{32} << 20;
constexpr std::size_t kRangesOfLine = 1000;  // far from what SequenceSet::parse() refuses
constexpr std::uint8_t kDovecotSeen = 8;

// The set with more ranges.
SequenceSet with(const SequenceSet& set, const Ranges& more) {
    Ranges all = set.ranges();
    all.insert(all.end(), more.begin(), more.end());
    return SequenceSet::of(std::move(all));
}

SequenceSet set_of(std::span<const std::uint32_t> uids) {
    SequenceSet set;
    std::ranges::for_each(uids, [&set](std::uint32_t uid) { set.add(uid); });
    return set;
}

}  // namespace

Result<OwnSeen> OwnSeen::load(const std::string& directory) {
    const std::string path = directory + "/" + std::string(kFileName);
    const FileStamp stamp = stamp_of(path);
    auto text = read_file(path, kMaxFile);
    if (text) {
        OwnSeen found = parse(*text);
        found.stamp_ = stamp;
        return found;
    }
    if (text.error().sys_errno != ENOENT) {
        return fail_with(text);
    }
    OwnSeen found;
    found.take_from_dovecot(directory);
    return found;
}

// An index that cannot be read says nothing.
void OwnSeen::take_from_dovecot(const std::string& directory) {
    auto index = DovecotIndex::load(directory + "/dovecot.index.pvt");
    if (!index || !index->exists()) {
        return;
    }
    uid_validity_ = index->uid_validity();
    for (const auto& [uid, record] : index->records()) {
        if ((record.flags & kDovecotSeen) != 0) {
            seen_.add(uid);
        }
    }
}

OwnSeen OwnSeen::parse(std::string_view text) {
    OwnSeen found;
    Ranges ranges;
    for (std::string_view line : split_fields(text, '\n')) {
        if (line.starts_with('V')) {
            auto number = parse_uint(line.substr(1));
            const bool fits = number && *number <= std::numeric_limits<std::uint32_t>::max();
            found.uid_validity_ = fits ? static_cast<std::uint32_t>(*number) : 0;
            continue;
        }
        auto set = SequenceSet::parse(line);
        if (!set) {
            break;
        }
        ranges.insert(ranges.end(), set->ranges().begin(), set->ranges().end());
    }
    found.seen_ = SequenceSet::of(std::move(ranges));
    return found;
}

std::string OwnSeen::to_string() const {
    std::string text = "V" + std::to_string(uid_validity_) + "\n";
    for (std::span<const SequenceSet::Range> left = seen_.ranges(); !left.empty();) {
        const auto line = left.first(std::min(left.size(), kRangesOfLine));
        text += SequenceSet::of({line.begin(), line.end()}).to_string() + "\n";
        left = left.subspan(line.size());
    }
    return text;
}

void OwnSeen::begin(std::uint32_t uid_validity) {
    if (uid_validity_ != uid_validity) {
        uid_validity_ = uid_validity;
        seen_ = SequenceSet();
    }
}

void OwnSeen::mark(std::span<const std::uint32_t> uids, Mark as) {
    seen_ = as == Mark::kSeen ? with(seen_, set_of(uids).ranges()) : seen_.without(uids);
}

void OwnSeen::keep(std::span<const std::uint32_t> uids, std::uint32_t next) {
    seen_ =
        seen_.intersection(with(set_of(uids), {{next, std::numeric_limits<std::uint32_t>::max()}}));
}

Result<void> OwnSeen::write(const std::string& directory, unsigned mode) {
    const std::string path = directory + "/" + std::string(kFileName);
    const std::string text = to_string();
    if (text.size() > kMaxFile) {
        return fail(Errc::kTooLarge, path + ": it would be too large");
    }
    auto written = replace_file(path, text, mode);
    if (written) {
        stamp_ = stamp_of(path);
    }
    return written;
}

}  // namespace relais
