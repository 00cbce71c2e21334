#include "lib/store/maildir_delivery.h"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/durability.h"
#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/store/maildir_name.h"
#include "lib/store/maildir_size.h"

namespace relais {

namespace {

Result<void> make_maildir(const std::string& base) {
    for (const char* part : {"tmp", "cur", "new"}) {
        auto made = make_directories(base + part, 0700);
        if (!made) {
            return made;
        }
    }
    return {};
}

Result<UniqueFd> create_temporary(const std::string& base, const std::string& path, unsigned mode) {
    auto fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!fd && fd.error().sys_errno == ENOENT) {
        auto made = make_maildir(base);
        if (!made) {
            return fail_errno("create maildir file " + path, made.error().sys_errno);
        }
        fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    }
    if (!fd) {
        return fail_errno("create maildir file " + path, fd.error().sys_errno);
    }
    return fd;
}

Result<std::uint64_t> write_content(int fd, const ContentWriter& content) {
    FileSink sink(fd);
    auto produced = content(sink);
    if (!produced) {
        return fail_with(produced);
    }
    auto finished = sink.finish();
    if (!finished) {
        return fail_with(finished);
    }
    return sink.written();
}

Result<void> move_to_new(const std::string& base, const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) {
        return {};
    }
    int reason = errno;
    if (reason == ENOENT) {
        auto made = make_maildir(base);
        if (made && ::rename(from.c_str(), to.c_str()) == 0) {
            return {};
        }
        reason = made ? errno : made.error().sys_errno;
    }
    return fail_errno("create maildir file " + to, reason);
}

std::string base_of(const MaildirTarget& target) {
    return target.directory.ends_with('/') ? target.directory : target.directory + "/";
}

void count(const MaildirTarget& target, const DeliveredFile& file, int messages) {
    if (target.counted) {
        note_maildir_change(
            target.size_root.empty() ? maildir_root_of(target.directory) : target.size_root,
            {static_cast<std::int64_t>(file.size) * messages, messages}, target.storage);
    }
}

}  // namespace

std::string maildir_host(std::string_view host) {
    std::string safe;
    for (char c : host) {
        if (c == '/') {
            safe += "\\057";
        } else if (c == ':') {
            safe += "\\072";
        } else {
            safe += c;
        }
    }
    return safe;
}

Result<MaildirMessage> MaildirMessage::write(MaildirTarget target, const ContentWriter& content) {
    std::string base = base_of(target);
    MaildirMessage message(std::move(target), std::move(base));
    if (auto created = message.create(); !created) {
        return fail_with(created);
    }
    auto size = write_content(message.fd_.get(), content);
    if (!size) {
        return fail_with(size);
    }
    message.size_ = *size;
    return message;
}

MaildirMessage::MaildirMessage(MaildirMessage&& other) noexcept
    : target_(std::move(other.target_)),
      base_(std::move(other.base_)),
      begun_(other.begun_),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::move(other.fd_)),
      size_(other.size_) {
}

MaildirMessage::~MaildirMessage() {
    if (!temporary_.empty()) {
        ::unlink(temporary_.c_str());
    }
}

Result<void> MaildirMessage::create() {
    static std::atomic<unsigned> counter{0};
    std::string host = maildir_host(target_.host);
    ::gettimeofday(&begun_, nullptr);
    std::string path = format("{}tmp/{}.P{}.{}", base_, begun_.tv_sec, ::getpid(), host);
    auto fd = create_temporary(base_, path, target_.file_mode);
    if (!fd && fd.error().sys_errno == EEXIST) {
        // Another delivery of this process is under way, or one of this second died.
        path = format("{}tmp/{}.P{}Q{}.{}", base_, begun_.tv_sec, ::getpid(), counter++, host);
        fd = create_temporary(base_, path, target_.file_mode);
    }
    if (!fd) {
        return fail_with(fd);
    }
    fd_ = std::move(*fd);
    temporary_ = std::move(path);
    return {};
}

void MaildirMessage::start_sync() const {
    ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

Result<void> MaildirMessage::sync() const {
    if (::fsync(fd_.get()) < 0) {
        return fail_errno(kWriteError);
    }
    return {};
}

Result<DeliveredFile> MaildirMessage::publish() {
    struct stat status;
    if (::fstat(fd_.get(), &status) < 0) {
        return fail_errno("create maildir file " + temporary_);
    }
    // Device and inode make the name unique, whatever the clock does.
    DeliveredFile delivered;
    delivered.size = size_;
    delivered.path =
        format("{}new/{}.V{:x}I{:x}M{}.{}{}", base_, begun_.tv_sec, status.st_dev, status.st_ino,
               begun_.tv_usec, maildir_host(target_.host), target_.sizes);
    auto moved = move_to_new(base_, temporary_, delivered.path);
    if (!moved) {
        return fail_with(moved);
    }
    temporary_.clear();
    count(target_, delivered, 1);
    if (target_.directory_sync == DirectorySync::kYes) {
        auto synced = sync_delivery(target_, delivered);
        if (!synced) {
            return fail_with(synced);
        }
    }
    return delivered;
}

Result<DeliveredFile> deliver_maildir(const MaildirTarget& target, const ContentWriter& content) {
    auto message = MaildirMessage::write(target, content);
    if (!message) {
        return fail_with(message);
    }
    if (auto synced = message->sync(); !synced) {
        return fail_with(synced);
    }
    return message->publish();
}

Result<DeliveredFile> deliver_maildir_link(const MaildirTarget& target, const DeliveredFile& from) {
    std::string base = base_of(target);
    DeliveredFile delivered = from;
    delivered.path = base + "new/" + make_maildir_base(target.host) + target.sizes;
    int done = ::link(from.path.c_str(), delivered.path.c_str());
    if (done < 0 && errno == ENOENT) {
        auto made = make_maildir(base);
        if (!made) {
            return fail_with(made);
        }
        done = ::link(from.path.c_str(), delivered.path.c_str());
    }
    if (done < 0) {
        return fail_errno("create maildir file " + delivered.path);
    }
    count(target, delivered, 1);
    return delivered;
}

Result<void> sync_delivery(const MaildirTarget& target, const DeliveredFile& file) {
    auto synced = durability() == Durability::kStrict ? sync_name_if_strict(file.path)
                                                      : sync_directory(base_of(target) + "new");
    // A drop-box that cannot be read, or a file system without the call, cannot do better.
    if (synced || synced.error().sys_errno == EACCES || synced.error().sys_errno == EINVAL) {
        return {};
    }
    if (::unlink(file.path.c_str()) == 0) {
        count(target, file, -1);
    }
    return synced;
}

}  // namespace relais
