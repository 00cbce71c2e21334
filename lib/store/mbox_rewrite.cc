#include "lib/store/mbox_rewrite.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/store/mbox_plan.h"
#include "lib/store/message_text.h"

namespace relais {

namespace {

Result<std::uint64_t> size_of(int fd) {
    struct stat status;
    if (::fstat(fd, &status) < 0) {
        return fail_errno("fstat");
    }
    return static_cast<std::uint64_t>(status.st_size);
}

Result<void> cut(int fd, std::uint64_t size) {
    if (::ftruncate(fd, static_cast<off_t>(size)) < 0 || ::fsync(fd) < 0) {
        return fail_errno("shorten the mailbox");
    }
    return {};
}

Result<void> write_in_place(int fd, std::span<const MboxEdit> edits) {
    for (const MboxEdit& edit : edits) {
        ssize_t done =
            ::pwrite(fd, edit.text.data(), edit.text.size(), static_cast<off_t>(edit.from));
        if (done != static_cast<ssize_t>(edit.text.size())) {
            return fail_errno("write to the mailbox", done < 0 ? errno : ENOSPC);
        }
    }
    return {};
}

// Room for a longer text, before anything is changed.
Result<void> extend(int fd, const MboxPlanHeader& plan) {
    int reason = ::posix_fallocate(fd, static_cast<off_t>(plan.old_size),
                                   static_cast<off_t>(plan.new_size - plan.old_size));
    if (reason == 0 && ::fsync(fd) == 0) {
        return {};
    }
    reason = reason != 0 ? reason : errno;
    (void)cut(fd, plan.old_size);
    return fail_errno("write to the mailbox", reason);
}

// From a plan that was made to a file that is done.
Result<void> carry_out(int fd, MboxPlan& plan) {
    auto done = plan.set_stage(MboxPlanHeader::kRunning);
    done = done ? plan.copy_into(fd) : done;
    done = done ? plan.set_stage(MboxPlanHeader::kCopied) : done;
    if (done && plan.header().new_size < plan.header().old_size) {
        done = cut(fd, plan.header().new_size);
    }
    return done;
}

// Nothing was changed yet, but the file may have been extended, and then appended to.
Result<void> take_back(int fd, const MboxPlanHeader& plan, const std::string& plan_path) {
    auto size = size_of(fd);
    if (!size || *size <= plan.old_size || plan.new_size <= plan.old_size) {
        return size ? Result<void>() : fail_with(size);
    }
    const std::uint64_t end = std::min(*size, plan.new_size);
    auto added = read_message_text(fd, plan.old_size, end);
    if (!added) {
        return fail_with(added);
    }
    const bool extended = std::ranges::all_of(*added, [](char c) { return c == '\0'; });
    if (!extended) {
        return {};
    }
    if (*size == end) {
        return cut(fd, plan.old_size);
    }
    const MboxEdit gap{plan.old_size, end, ""};
    return edit_mbox(fd, plan_path, {&gap, 1});
}

// What others have appended behind the old text moves up to the new.
Result<void> close_gap(int fd, const MboxPlanHeader& plan, const std::string& plan_path) {
    auto size = size_of(fd);
    if (!size || plan.new_size >= plan.old_size) {
        return size ? Result<void>() : fail_with(size);
    }
    if (*size <= plan.old_size) {
        return cut(fd, plan.new_size);
    }
    const MboxEdit gap{plan.new_size, plan.old_size, ""};
    return edit_mbox(fd, plan_path, {&gap, 1});
}

Result<void> finish(int fd, MboxPlan& plan, const std::string& plan_path) {
    const MboxPlanHeader& header = plan.header();
    auto size = size_of(fd);
    if (!size) {
        return fail_with(size);
    }
    if (header.stage == MboxPlanHeader::kMade) {
        return take_back(fd, header, plan_path);
    }
    if (header.stage == MboxPlanHeader::kCopied) {
        auto uncut = *size >= header.old_size && header.new_size < header.old_size
                         ? plan.has_old_rest(fd)
                         : Result<bool>(false);
        return !uncut   ? fail_with(uncut)
               : *uncut ? close_gap(fd, header, plan_path)
                        : Result<void>();
    }
    auto fits =
        *size >= std::max(header.old_size, header.new_size) ? plan.fits(fd) : Result<bool>(false);
    if (!fits) {
        return fail_with(fits);
    }
    if (!*fits) {
        return fail(Errc::kCorrupt, "somebody has changed the mailbox meanwhile");
    }
    auto copied = plan.copy_into(fd);
    copied = copied ? plan.set_stage(MboxPlanHeader::kCopied) : copied;
    return copied ? close_gap(fd, header, plan_path) : copied;
}

bool is_of(const MboxPlanHeader& plan, int fd) {
    struct stat status;
    return ::fstat(fd, &status) == 0 && plan.device == status.st_dev && plan.inode == status.st_ino;
}

void set_aside(const std::string& plan_path, const std::string& why) {
    const std::string aside = plan_path + ".left";
    log_warning("{}: {}; what a change was to write is in {}", plan_path, why, aside);
    std::rename(plan_path.c_str(), aside.c_str());
}

}  // namespace

Result<void> edit_mbox(int fd, const std::string& plan_path, std::span<const MboxEdit> edits) {
    if (edits.empty()) {
        return {};
    }
    if (std::ranges::all_of(edits, [](const MboxEdit& edit) { return edit.growth() == 0; })) {
        return write_in_place(fd, edits);
    }
    auto plan = MboxPlan::make(fd, plan_path, edits);
    if (!plan) {
        return fail_with(plan);
    }
    if (plan->header().new_size > plan->header().old_size) {
        auto extended = extend(fd, plan->header());
        if (!extended) {
            ::unlink(plan_path.c_str());
            return extended;
        }
    }
    auto done = carry_out(fd, *plan);
    if (done) {
        ::unlink(plan_path.c_str());
    }
    return done;
}

Result<bool> finish_mbox_plan(int fd, const std::string& plan_path) {
    auto plan = MboxPlan::open(plan_path);
    if (!plan && plan.error().code == Errc::kNotFound) {
        return false;
    }
    if (!plan || !is_of(plan->header(), fd)) {
        set_aside(plan_path, plan ? "the mailbox is another one now" : plan.error().message);
        return true;
    }
    auto done = finish(fd, *plan, plan_path);
    if (!done && done.error().code == Errc::kCorrupt) {
        set_aside(plan_path, done.error().message);
        return true;
    }
    if (!done) {
        return fail_with(done);
    }
    ::unlink(plan_path.c_str());
    return true;
}

}  // namespace relais
