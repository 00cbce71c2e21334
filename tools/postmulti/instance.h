// The instances of the mail system on this machine: the primary one, whose configuration is in the
// default directory, and those that its multi_instance_directories names.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace relais::postmulti {

// What all names of instances begin with.
inline constexpr std::string_view kNamePrefix = "postfix-";

struct Instance {
    std::string config_directory;
    std::string queue_directory;
    std::string data_directory;
    std::string name;
    std::string group;
    bool enabled = false;
    bool primary = false;
};

// Who uses which directory or name.  Two instances, or two purposes, must never share one.
class Claims {
  public:
    // Ends the program where the value is taken.
    void add(const Instance& instance, std::string_view parameter, const std::string& value);
    void add_instance(const Instance& instance);

    // The "INSTANCE, PARAMETER=VALUE" that has it; empty where it is free.
    [[nodiscard]] std::string owner(const std::string& value) const;

  private:
    std::map<std::string, std::string> owners_;
};

struct Suite {
    std::vector<Instance> instances;  // the primary one first
    Claims claims;
};

// Reads what the directory's main.cf says; ends the program where it cannot be read.
[[nodiscard]] Instance read_instance(const std::string& config_directory);

// All instances of conf(), which is the primary one's.
[[nodiscard]] Suite load_suite();

}  // namespace relais::postmulti
