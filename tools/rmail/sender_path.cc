#include "tools/rmail/sender_path.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kRemote = " remote from ";

std::string_view up_to_blank(std::string_view text) {
    return text.substr(0, std::min(text.find_first_of(" \t"), text.size()));
}

}  // namespace

void SenderPath::add_host(std::string_view host) {
    if (!has_host_) {
        host_ = host;
        has_host_ = true;
    }
    path_ += std::string(host) + "!";
}

Result<SenderPath::Line> SenderPath::add(std::string_view line) {
    std::string_view rest = line;
    if (rest.starts_with('>')) {
        rest.remove_prefix(1);
    }
    if (!rest.starts_with("From ")) {
        if (empty()) {
            return fail(Errc::kSyntax, "missing or empty From line: " + printable(line));
        }
        return Line::kOther;
    }
    rest.remove_prefix(std::string_view("From ").size());
    if (rest.empty()) {
        return fail(Errc::kSyntax, "corrupted From line: " + printable(line));
    }
    if (rest.starts_with('!')) {
        return fail(Errc::kSyntax, "bang starts address: " + printable(rest));
    }
    std::string_view user = up_to_blank(rest);
    std::size_t remote = rest.find(kRemote);
    std::size_t bang = user.rfind('!');
    if (remote != std::string_view::npos) {
        add_host(up_to_blank(rest.substr(remote + kRemote.size())));
    } else if (bang != std::string_view::npos) {
        add_host(user.substr(0, bang));
        user = user.substr(bang + 1);
    }
    user_ = user.empty() ? "<>" : user;
    return Line::kTaken;
}

}  // namespace relais
