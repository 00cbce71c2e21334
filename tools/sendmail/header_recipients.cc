#include "tools/sendmail/header_recipients.h"

#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/mail/address_list.h"
#include "lib/mail/header.h"

namespace relais {

void HeaderRecipients::take(std::string_view line, bool complete) {
    if (!in_headers_) {
        return;
    }
    bool goes_on = within_line_;
    within_line_ = !complete;
    bool continuation = !line.empty() && (line.front() == ' ' || line.front() == '\t');
    if (goes_on || (continuation && !header_.empty())) {
        auto limit = static_cast<std::size_t>(conf().header_size_limit());
        if (header_.size() + line.size() < limit) {
            header_ += goes_on ? "" : "\n";
            header_ += line;
        }
        return;
    }
    end_header();
    if (is_header(line)) {
        header_ = line;
    } else {
        in_headers_ = false;
    }
}

void HeaderRecipients::end_header() {
    std::string header = std::move(header_);
    header_.clear();
    const HeaderInfo* info = header.empty() ? nullptr : find_header(header);
    if (info == nullptr) {
        return;
    }
    if ((info->traits & kHeaderExtract) == 0) {
        return;
    }
    bool resent = (info->traits & kHeaderResent) != 0;
    resent_ = resent_ || resent;
    auto& found = resent ? resent_recipients_ : recipients_;
    AddressList list = AddressList::parse(
        header_body(header), static_cast<std::size_t>(conf().header_address_token_limit()));
    for (std::size_t i = 0; i < list.size(); ++i) {
        std::string address = list.internal(i);
        if (!address.empty()) {
            found.push_back(std::move(address));
        }
    }
}

std::vector<std::string> HeaderRecipients::finish() {
    end_header();
    return resent_ ? std::move(resent_recipients_) : std::move(recipients_);
}

}  // namespace relais
