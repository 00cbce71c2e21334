// The files about a mailbox in a directory of their own (CONTROL=, INDEX=): Dovecot's and ours.
// Whatever else is there is somebody else's and stays: such a directory may be in a user's home.
#pragma once

#include <cstddef>
#include <string>

namespace relais {

// Removes them, and nothing below.
void remove_list_files(const std::string& directory);

// Moves them to where those of another mailbox may have been, which go; with them those of the
// directories within, `levels` deep (1: none).  Directories that are empty then go, too.  What
// fails is logged: without these files a mailbox is read anew.
void move_list_files(const std::string& source, const std::string& target, unsigned mode,
                     std::size_t levels);

}  // namespace relais
