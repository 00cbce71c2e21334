#include "lib/store/mail_tree.h"

#include <algorithm>

#include <sys/stat.h>

#include "lib/store/dbox_tree.h"
#include "lib/store/dotted_maildir_tree.h"
#include "lib/store/mailbox_name.h"
#include "lib/store/mbox_tree.h"
#include "lib/store/nested_maildir_tree.h"

namespace relais {

MailTree::MailTree(MailLocation location, char separator, std::string host)
    : location_(std::move(location)), separator_(separator), host_(std::move(host)) {
    while (location_.root.size() > 1 && location_.root.ends_with('/')) {
        location_.root.pop_back();
    }
    struct stat status;
    if (::stat(root().c_str(), &status) == 0) {
        directory_mode_ = status.st_mode & 0777;
        file_mode_ = status.st_mode & 0666;
    }
}

std::string MailTree::canonical(std::string_view name) const {
    return canonical_mailbox(name, separator_);
}

Result<std::vector<std::string>> MailTree::list() const {
    auto listed = look_around();
    if (!listed || !listed->all_seen) {
        return listed ? fail_with(listed->all_seen) : fail_with(listed);
    }
    return std::move(listed->names);
}

Result<std::vector<std::string>> MailTree::list_readable() const {
    auto listed = look_around();
    return listed ? Result<std::vector<std::string>>(std::move(listed->names)) : fail_with(listed);
}

bool MailTree::has_children(std::string_view name) const {
    auto all = list_readable();
    std::string prefix = std::string(name) + separator_;
    return all && std::ranges::any_of(*all, [&prefix](const std::string& each) {
               return each.starts_with(prefix);
           });
}

std::unique_ptr<MailTree> make_mail_tree(MailLocation location, char separator, std::string host) {
    switch (location.format) {
        case MailFormat::kMbox:
            return std::make_unique<MboxTree>(std::move(location), separator, std::move(host));
        case MailFormat::kSdbox:
        case MailFormat::kMdbox:
            return std::make_unique<DboxTree>(std::move(location), separator, std::move(host));
        case MailFormat::kMaildir:
            break;
    }
    if (location.layout == FolderLayout::kDirectories) {
        return std::make_unique<NestedMaildirTree>(std::move(location), separator, std::move(host));
    }
    return std::make_unique<DottedMaildirTree>(std::move(location), separator, std::move(host));
}

std::unexpected<Error> tree_denial(int reason, std::string text) {
    return std::unexpected(Error{Errc::kDenied, std::move(text), reason});
}

}  // namespace relais
