// /etc/hosts: names and addresses that need no DNS.  Read when made; looked at again (at most every
// few seconds) so that edits are seen without a restart.
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/base/strings.h"
#include "lib/event/deadline.h"

namespace relais {

class HostsFile {
  public:
    explicit HostsFile(std::string path = "/etc/hosts");

    // The addresses of a name (any case), in the order of the file.
    [[nodiscard]] std::vector<std::string> addresses(std::string_view name);
    // The canonical name of an address in print; empty if there is none.
    [[nodiscard]] std::string name(const std::string& address);

  private:
    void refresh();
    void load(std::string_view text);

    std::string path_;
    std::time_t modified_ = -1;
    long modified_ns_ = 0;
    Deadline next_look_ = Deadline::after({});
    std::unordered_map<std::string, std::vector<std::string>, StringHash, std::equal_to<>>
        addresses_;
    std::unordered_map<std::string, std::string> names_;
};

}  // namespace relais
