// Waiting for tasks that use what their owner has on his stack.
#pragma once

#include "lib/event/task_group.h"

namespace relais {

// Until the group is empty.  Where the owner is being ended meanwhile, its tasks are ended as well,
// and waited for, before he is.  The group must outlive the task.
[[nodiscard]] Task<void> join_or_close(TaskGroup* group);

}  // namespace relais
