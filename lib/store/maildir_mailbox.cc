#include "lib/store/maildir_mailbox.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/store/compressed_message.h"
#include "lib/store/mail_tree.h"
#include "lib/store/message_text.h"

namespace relais {

namespace {

std::unexpected<Error> gone() {
    return std::unexpected(Error{Errc::kNotFound, "the message is gone", ENOENT});
}

Result<StoredMessage> read_file_in(int directory, const std::string& path) {
    auto fd = open_at(directory, path, O_RDONLY);
    if (!fd) {
        return fd.error().sys_errno == ENOENT ? gone() : fail_with(fd);
    }
    struct stat status;
    if (::fstat(fd->get(), &status) < 0 || !S_ISREG(status.st_mode)) {
        return fail(Errc::kCorrupt, "not a message file");
    }
    auto text = read_message_text(fd->get(), 0, static_cast<std::uint64_t>(status.st_size));
    auto plain = text ? plain_message(std::move(*text), path) : fail_with(text);
    if (!plain) {
        return fail_with(plain);
    }
    return StoredMessage{std::move(*plain), status.st_mtim.tv_sec};
}

}  // namespace

std::string MaildirMailbox::list_path() const {
    return place_.control_directory() + "/" + std::string(UidList::kFileName);
}

std::string MaildirMailbox::relative_path(const MailMessage& message) const {
    std::string path = message.in_new ? "new/" : "cur/";
    return path += name_of(message);
}

std::string MaildirMailbox::path_of(const MailMessage& message) const {
    return place_.directory + "/" + relative_path(message);
}

std::string MaildirMailbox::base_name(const MailMessage& message) const {
    return std::string(maildir_base(name_of(message)));
}

Result<int> MaildirMailbox::directory_fd() {
    if (!directory_ || opened_ != known_.directory) {
        auto fd = open_file(place_.directory, O_RDONLY | O_DIRECTORY);
        if (!fd) {
            return fail_with(fd);
        }
        directory_ = std::make_shared<const UniqueFd>(std::move(*fd));
        opened_ = known_.directory;
    }
    return directory_->get();
}

Result<StoredMessage> MaildirMailbox::read(const MailMessage& message) {
    auto directory = directory_fd();
    return directory ? read_file_in(*directory, relative_path(message)) : fail_with(directory);
}

Mailbox::Reading MaildirMailbox::reading(const MailMessage& message) {
    auto opened = directory_fd();
    if (!opened) {
        return [failed = opened.error()]() -> Result<StoredMessage> {
            return std::unexpected(failed);
        };
    }
    return [directory = directory_, path = relative_path(message)] {
        return read_file_in(directory->get(), path);
    };
}

Result<MessageTimes> MaildirMailbox::times_of(const MailMessage& message) {
    auto directory = directory_fd();
    if (!directory) {
        return fail_with(directory);
    }
    struct stat status;
    if (::fstatat(*directory, relative_path(message).c_str(), &status, 0) < 0) {
        return gone();
    }
    return MessageTimes{status.st_mtim.tv_sec, status.st_ctim.tv_sec};
}

std::optional<std::uint64_t> MaildirMailbox::known_size(const MailMessage& message,
                                                        MessageSize which) const {
    return maildir_size(maildir_base(name_of(message)), which == MessageSize::kWire ? 'W' : 'S');
}

std::uint64_t MaildirMailbox::stored_size(const MailMessage& message) const {
    return static_cast<std::uint64_t>(weight_of(relative_path(message)));
}

bool MaildirMailbox::can_link_to(const Mailbox& other) const {
    return dynamic_cast<const MaildirMailbox*>(&other) != nullptr;
}

NewMessage MaildirMailbox::hand_over(const MailMessage& message, Handing how) const {
    NewMessage handed;
    handed.path = path_of(message);
    handed.base = base_name(message);
    handed.flags.system = message.system;
    handed.keywords = keywords_of(message);  // letters differ from mailbox to mailbox
    handed.link = how == Handing::kLink;
    return handed;
}

// The mailbox's own directory sees each lock come and go, so there only its leaving counts.
std::vector<Mailbox::Watched> MaildirMailbox::watched() const {
    std::vector<Watched> parts = {{place_.directory + "/new", Watched::Kind::kEntries},
                                  {place_.directory + "/cur", Watched::Kind::kEntries},
                                  {place_.directory, Watched::Kind::kItself}};
    if (has_own_seen()) {
        parts.push_back({place_.own_flags, Watched::Kind::kEntries});
    }
    return parts;
}

// The lists are beside the messages or elsewhere.  Of what other machines do the kernel tells
// nothing.
std::vector<Mailbox::Watched> MaildirMailbox::watched_for_state() const {
    if (place_.storage != Storage::kOwn) {
        return {};
    }
    std::vector<Watched> parts = {{place_.directory + "/new", Watched::Kind::kEntries},
                                  {place_.directory + "/cur", Watched::Kind::kEntries}};
    std::vector<std::string> lists = {place_.directory, place_.control_directory(),
                                      place_.index_directory()};
    if (has_own_seen()) {
        lists.push_back(place_.own_flags);
    }
    std::ranges::sort(lists);
    lists.erase(std::ranges::unique(lists).begin(), lists.end());
    std::erase(lists, kNowhere);
    for (std::string& directory : lists) {
        parts.push_back({std::move(directory), Watched::Kind::kFiles});
    }
    return parts;
}

bool MaildirMailbox::at_rest() const {
    if (!scanned_ || verify_at_ || foreign_change_ || no_room_ || unwritten_) {
        return false;
    }
    const FileStamp now = stamp_of(place_.directory);
    return now.inode == known_.directory.inode && now.device == known_.directory.device;
}

void MaildirMailbox::add_message(std::uint32_t uid, std::string_view name, bool in_new) {
    append_message(uid, name, flags_of(uid, name)).in_new = in_new;
}

void MaildirMailbox::rename_in_memory(MailMessage& message, std::string_view name) {
    MessageFlags flags = flags_of(message.uid, name);
    message.system = flags.system;
    message.keywords = flags.keywords;
    set_name(message, name);
}

}  // namespace relais
