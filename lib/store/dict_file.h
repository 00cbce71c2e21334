// Dovecot's "file" dictionaries: a line with a key, a line with its value, and so on, tabs and line
// ends in them escaped with byte 1.  mail_attribute_dict and acl_shared_dict are such.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/loop.h"

namespace relais {

class DictFile {
  public:
    using Entries = std::map<std::string, std::string, std::less<>>;

    // Without a file there are no entries.
    [[nodiscard]] static Result<DictFile> load(const std::string& path);

    // Loads it, has it changed, and writes it where `change` returns true: under the lock that
    // Dovecot takes, PATH.lock.  kTooLarge: nobody could read it then; it stays as it was.
    [[nodiscard]] static Task<Result<void>> change(std::string path, unsigned mode,
                                                   std::function<bool(DictFile&)> change);

    // The value, or null.
    const std::string* find(std::string_view key) const;

    // The keys that begin with `prefix`, in order.
    std::vector<std::string> keys_below(std::string_view prefix) const;

    // These return whether anything has changed.
    bool set(std::string key, std::string value);
    bool remove(std::string_view key);

    const Entries& entries() const { return entries_; }

    [[nodiscard]] static DictFile parse(std::string_view text);
    std::string to_string() const;

  private:
    Entries entries_;
};

}  // namespace relais
