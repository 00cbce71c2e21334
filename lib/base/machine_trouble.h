// Errors of the system that say nothing about the file at hand: a disk that fails, is full or
// cannot be reached, no memory, no descriptors.
#pragma once

namespace relais {

// What failed so is worth another try later, and is nobody's fault who sends mail.
[[nodiscard]] bool is_machine_trouble(int error);

}  // namespace relais
