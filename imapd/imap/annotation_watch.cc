#include "imapd/imap/annotation_watch.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/file.h"
#include "lib/store/dict_file.h"

namespace relais {

namespace {

std::vector<std::string> watchable(std::vector<std::string> files) {
    std::erase_if(files,
                  [](const std::string& file) { return !can_be_watched(parent_directory(file)); });
    return files;
}

std::vector<Mailbox::Watched> directories_of(const std::vector<std::string>& files) {
    std::vector<Mailbox::Watched> parts;
    parts.reserve(files.size());
    for (const std::string& file : files) {
        parts.push_back({parent_directory(file), Mailbox::Watched::Kind::kEntries});
    }
    return parts;
}

}  // namespace

AnnotationWatch::AnnotationWatch(const User& user, Changes& news)
    : files_(watchable(Annotations(user.name(), user.home(), user.tree()).files())),
      news_(news),
      watch_(directories_of(files_), [this](const DirectoryEvent& event) { note(event); }) {
}

// In the directory much else comes and goes.
void AnnotationWatch::note(const DirectoryEvent& event) {
    const bool lost = event.name.empty();
    const std::string end = "/" + std::string(event.name);
    const bool ours = std::ranges::any_of(
        files_, [&end](const std::string& file) { return file.ends_with(end); });
    if (lost || ours) {
        stale_ = true;
        news_.announce();
    }
}

Result<AnnotationWatch::Entries> AnnotationWatch::read_files() const {
    Entries all;
    for (const std::string& file : files_) {
        auto dict = DictFile::load(file);
        if (!dict && dict.error().sys_errno == EACCES) {
            continue;  // what the user may not read is not told
        }
        if (!dict) {
            return fail_with(dict);
        }
        all.insert(dict->entries().begin(), dict->entries().end());
    }
    return all;
}

Result<void> AnnotationWatch::begin() {
    auto entries = read_files();
    if (!entries) {
        return fail_with(entries);
    }
    entries_ = std::move(*entries);
    return {};
}

Result<std::vector<AnnotationKey>> AnnotationWatch::look() {
    std::vector<AnnotationKey> changed;
    if (!std::exchange(stale_, false)) {
        return changed;
    }
    auto now = read_files();
    if (!now) {
        return fail_with(now);
    }
    auto add_missing = [&changed](const Entries& from, const Entries& in, bool compare) {
        for (const auto& [key, value] : from) {
            auto other = in.find(key);
            const bool differs = other == in.end() || (compare && other->second != value);
            auto parsed = differs ? Annotations::parse_key(key) : std::nullopt;
            if (parsed) {
                changed.push_back(std::move(*parsed));
            }
        }
    };
    add_missing(entries_, *now, true);
    add_missing(*now, entries_, false);
    entries_ = std::move(*now);
    return changed;
}

void AnnotationWatch::expect(const AnnotationScope& scope, const Annotation& change) {
    const std::string key = Annotations::key_of(scope, change.entry);
    if (change.value) {
        entries_[key] = *change.value;
    } else {
        entries_.erase(key);
    }
}

}  // namespace relais
