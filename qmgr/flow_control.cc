#include "qmgr/flow_control.h"

#include <array>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/config/config.h"
#include "lib/daemon/daemon.h"

namespace relais::qmgr {

void FlowControl::add_token() const {
    // A full pipe needs no more tokens.
    [[maybe_unused]] ssize_t put = ::write(kFlowWriteFd, "", 1);
}

void FlowControl::fill() const {
    int there = 0;
    if (::ioctl(kFlowReadFd, FIONREAD, &there) != 0) {
        return;
    }
    int missing = conf().default_process_limit() - there;
    if (missing > 0) {
        std::string tokens(static_cast<std::size_t>(missing), '\0');
        [[maybe_unused]] ssize_t put = ::write(kFlowWriteFd, tokens.data(), tokens.size());
    } else if (missing < 0) {
        std::array<char, 1024> surplus{};
        auto most = std::min(surplus.size(), static_cast<std::size_t>(-missing));
        [[maybe_unused]] ssize_t taken = ::read(kFlowReadFd, surplus.data(), most);
    }
}

}  // namespace relais::qmgr
