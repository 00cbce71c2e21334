#include "lib/event/join.h"

#include <exception>

namespace relais {

Task<void> join_or_close(TaskGroup* group) {
    std::exception_ptr ended;
    try {
        co_await group->join();
    } catch (...) {
        ended = std::current_exception();
    }
    co_await group->close();
    if (ended) {
        std::rethrow_exception(ended);
    }
}

}  // namespace relais
