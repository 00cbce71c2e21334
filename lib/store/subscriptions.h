// Dovecot's subscriptions file in the mail root.  Old form: one name per line.  New form: "V\t2",
// an empty line, and names whose levels are separated by tabs.  The form found is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

class Subscriptions {
  public:
    static constexpr std::string_view kFileName = "subscriptions";

    // `separator` is the hierarchy separator of the names that callers use.
    [[nodiscard]] static Result<Subscriptions> load(const std::string& root, char separator);

    const std::vector<std::string>& names() const { return names_; }

    bool contains(std::string_view name) const;

    // Both return whether anything has changed.
    bool add(std::string_view name);
    bool remove(std::string_view name);

    // The lock (mailbox_lock.h) is held.
    [[nodiscard]] Result<void> save(const std::string& root, unsigned mode) const;

  private:
    std::vector<std::string> names_;
    char separator_ = '.';
    int version_ = 2;
};

}  // namespace relais
