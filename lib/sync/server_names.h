// What the mailboxes of a server are called here (replica.h), and what it calls them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace relais {

class ServerNames {
  public:
    // Ours for the server's `name`, in modified UTF-7 or UTF-8, whose levels are joined by
    // `separator` ('\0': it has one level), and which the server knows as `known_as`.  The same for
    // two of its names: the second gets another one.
    std::string add(std::string_view name, char separator, const std::string& known_as);

    // What the server knows it as; nothing for one that was never added.
    [[nodiscard]] std::optional<std::string> find(const std::string& ours) const;

  private:
    std::map<std::string, std::string> there_;
};

}  // namespace relais
