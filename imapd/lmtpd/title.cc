#include "imapd/lmtpd/title.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/process_title.h"

namespace relais::lmtpd {

Title::Connection::Connection(Title& title, std::string from)
    : title_(title),
      from_(from.empty() ? "local" : std::move(from)),
      place_(title.connections_.insert(title.connections_.end(), this)) {
    title_.refresh();
}

Title::Connection::~Connection() {
    title_.connections_.erase(place_);
    title_.refresh();
}

void Title::Connection::show(std::string state) {
    state_ = std::move(state);
    title_.refresh();
}

void Title::refresh() const {
    if (!conf().mailbox_process_titles()) {
        return;
    }
    std::string about = "idling";
    if (connections_.size() == 1) {
        const Connection& only = *connections_.front();
        about = format("{} {}", only.from_, printable(only.state_));
    } else if (!connections_.empty()) {
        about = format("{} connections", connections_.size());
    }
    show_process_title(format("lmtpd [{}]", about));
}

}  // namespace relais::lmtpd
