// The files about a mailbox in a directory of their own (CONTROL=, INDEX=): Dovecot's and ours.
// Whatever else is there is somebody else's and stays: such a directory may be in a user's home.
#pragma once

#include <cstddef>
#include <string>

namespace relais {

// Removes them, and nothing below.
void remove_list_files(const std::string& directory);

// A rename of the mailbox is about to move them: what another one has left at their new place goes,
// and those without which a mailbox would get other UIDs and keywords are there already, however
// soon the process ends.  `levels`: of the directories within, too (1: none).
void prepare_moving_list_files(const std::string& source, const std::string& target, unsigned mode,
                               std::size_t levels);

// Moves them, with those of the directories within.  Directories that are empty then go, too.  What
// fails is logged: without these files a mailbox is read anew.
void move_list_files(const std::string& source, const std::string& target, unsigned mode,
                     std::size_t levels);

}  // namespace relais
