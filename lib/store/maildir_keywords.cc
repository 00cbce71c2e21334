// How a Mailbox knows keywords: file names have letters, dovecot-keywords says what they mean.
// Letters are given by what that file says at the moment, never by what was read earlier: others
// change it, and put another mailbox in the place of this one.
#include <algorithm>

#include "lib/base/log.h"
#include "lib/store/change_turn.h"
#include "lib/store/maildir_mailbox.h"

namespace relais {

FileStamp MaildirMailbox::keywords_stamp() const {
    return stamp_of(place_.control_directory() + "/" + std::string(KeywordFile::kFileName));
}

Result<KeywordFile> MaildirMailbox::load_keywords() const {
    return KeywordFile::load(place_.control_directory());
}

// Letters that stand in file names without a name keep the one that we know, when it is the mailbox
// that we know; else they get one, as Dovecot does it.
Task<Result<void>> MaildirMailbox::read_keywords(SameMailbox same) {
    const KeywordFile known = same == SameMailbox::kYes ? keywords_ : KeywordFile();
    std::uint32_t letters = 0;
    for (const MailMessage& message : messages_) {
        letters |= message.keywords;
    }
    auto file = load_keywords();
    if (!file) {
        co_return fail_with(file);
    }
    if (file->name_letters(letters, known)) {
        auto lock = co_await MailboxLock::acquire(list_path());
        // Somebody else may have named them meanwhile.
        auto current = load_keywords();
        if (current) {
            file = std::move(current);
        }
        if (lock && file->name_letters(letters, known)) {
            auto written = file->write(place_.control_directory(), place_.file_mode);
            if (!written) {
                log_warning("{}", written.error().message);
            }
        }
        file->name_letters(letters, known);
    }
    take_keywords(std::move(*file));
    co_return Result<void>();
}

// The file as it is now, with these names as far as there is room.
Task<Result<KeywordFile>> MaildirMailbox::keywords_with(std::vector<std::string> names) {
    auto knows_all = [&names](const KeywordFile& file) {
        return std::ranges::all_of(
            names, [&file](const std::string& name) { return file.find(name).has_value(); });
    };
    auto file = load_keywords();
    if (!file || knows_all(*file)) {
        co_return file;
    }
    // A letter that is free in the file may be in use all the same: all messages are looked at.
    auto synced = co_await sync_locked(MailboxAccess::kReadOnly);
    if (!synced) {
        co_return fail_with(synced);
    }
    auto lock = co_await MailboxLock::acquire(list_path());
    if (!lock) {
        co_return fail_with(lock);
    }
    file = load_keywords();
    if (!file || knows_all(*file)) {
        co_return file;
    }
    bool room = false;
    for (const std::string& name : names) {
        room |= !file->find(name) && file->find_or_add(name);
    }
    if (room) {
        auto written = file->write(place_.control_directory(), place_.file_mode);
        if (!written) {
            co_return fail_with(written);
        }
        take_keywords(*file);
    }
    co_return file;
}

}  // namespace relais
