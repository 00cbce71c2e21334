#include "lib/base/machine_trouble.h"

#include <cerrno>

namespace relais {

bool is_machine_trouble(int error) {
    switch (error) {
        case EIO:
        case EROFS:
        case ENOSPC:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOLCK:
        case ENOTCONN:
        case ETIMEDOUT:
            return true;
        default:
            return false;
    }
}

}  // namespace relais
