#include "lib/base/result.h"

#include <cerrno>
#include <cstring>

namespace relais {

std::unexpected<Error> fail(Errc code, std::string message) {
    return std::unexpected(Error{code, std::move(message), 0});
}

std::unexpected<Error> fail_errno(std::string_view what) {
    return fail_errno(what, errno);
}

std::unexpected<Error> fail_errno(std::string_view what, int sys_errno) {
    std::string message(what);
    message += ": ";
    message += std::strerror(sys_errno);
    return std::unexpected(Error{Errc::kSystem, std::move(message), sys_errno});
}

}  // namespace relais
