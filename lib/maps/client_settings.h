// The settings of a table that is asked over a socket: from a file that its name gives
// ("/etc/postfix/x.cf", in the form of main.cf, without expansion), or else from main.cf parameters
// that its name begins ("NAME_memcache").
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

class ClientSettings {
  public:
    [[nodiscard]] static Result<ClientSettings> load(const std::string& name);

    std::string text(std::string_view key, std::string_view otherwise) const;
    // Within bounds, or an error in Postfix's words.
    [[nodiscard]] Result<int> number(std::string_view key, int otherwise, int least) const;

  private:
    explicit ClientSettings(std::string name) : name_(std::move(name)) {}

    bool is_file() const { return name_.starts_with('/') || name_.starts_with('.'); }

    std::string name_;
    std::map<std::string, std::string, std::less<>> values_;  // of a file
};

}  // namespace relais
