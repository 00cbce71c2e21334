// The settings of one SQL, LDAP or memcache table.  A name that begins with '/' or '.' is a file of
// "key = value" lines, taken as they stand; any other NAME means the main.cf parameters NAME_key.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/result.h"
#include "lib/base/strings.h"

namespace relais {

// What is wrong with the settings is kept until failure() is asked for, so that a table reads all
// it needs first and looks once.
class ClientSettings {
  public:
    [[nodiscard]] static Result<ClientSettings> load(std::string name);

    const std::string& name() const { return name_; }

    bool has(std::string_view key) const;

    enum class Need { kOptional, kRequired };

    std::string text(std::string_view key, std::string_view fallback = {},
                     Need need = Need::kOptional);
    int number(std::string_view key, int fallback, int least = std::numeric_limits<int>::min());
    bool flag(std::string_view key, bool fallback);

    // A value that the caller can make nothing of; the message is complete but for the file.
    void refuse(std::string_view text);

    // The first setting that could not be used.
    [[nodiscard]] Result<void> failure() const;

  private:
    explicit ClientSettings(std::string name) : name_(std::move(name)) {}

    bool in_file() const { return name_.starts_with('/') || name_.starts_with('.'); }

    std::optional<std::string> find(std::string_view key) const;
    // As messages name it: "key" of the file, or the parameter.
    std::string title(std::string_view key) const;

    std::string name_;
    std::unordered_map<std::string, std::string, StringHash, std::equal_to<>> values_;
    std::string failure_;
};

}  // namespace relais
