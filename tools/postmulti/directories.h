// The files of an instance: made from prototypes, and taken away again as far as nothing but the
// mail system made them.
#pragma once

#include <string>
#include <vector>

#include "tools/postmulti/instance.h"

namespace relais::postmulti {

// main.cf and master.cf of a new instance, made from the prototypes in meta_directory.  They are
// drafted in a directory of their own, so that no half-made configuration is ever in place.  Any
// failure ends the program.
class NewConfiguration {
  public:
    NewConfiguration(std::string directory, const std::string& meta_directory);

    // Where to edit them.
    [[nodiscard]] std::string draft() const { return directory_ + "/.tmp"; }

    void put_in_place();

  private:
    std::string directory_;
};

// With mode 0755, and those above it; nothing where it is there.
void make_directory(const std::string& path);

// Ends the program while a master runs the instance.
void require_stopped(const Instance& instance);

// Removes the configuration files, empty queues, sockets and caches.  The directories in which
// something else was found stay; they are returned.
[[nodiscard]] std::vector<std::string> remove_directories(const Instance& instance);

}  // namespace relais::postmulti
