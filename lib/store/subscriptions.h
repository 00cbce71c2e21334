// Dovecot's subscriptions file, "subscriptions" in the mail root or what mail_location says.  Old
// form: a name per line, as on disk ("A.B", or "A/B"). New form: "V\t2", an empty line, and names
// whose levels are separated by tabs.  The form found is kept, and so are lines that name nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mailbox_name.h"

namespace relais {

class Subscriptions {
  public:
    // `names` are those of the tree of mailboxes.
    [[nodiscard]] static Result<Subscriptions> load(const std::string& path,
                                                    const DiskNames& names);

    std::vector<std::string> names() const;

    bool contains(std::string_view name) const;

    // kOther: in a namespace without a file of its own; clients' separator stays in its name, and
    // Dovecot would not find it to remove it, if it were written as one's own are.
    enum class Namespace { kOwn, kOther };

    // Both return whether anything has changed.
    bool add(std::string_view name, Namespace in = Namespace::kOwn);
    bool remove(std::string_view name);

    // The lock (mailbox_lock.h) is held.
    [[nodiscard]] Result<void> save(const std::string& path, unsigned mode) const;

  private:
    struct Line {
        std::string text;
        std::optional<std::string> name;
    };

    std::optional<std::string> name_in(std::string_view line) const;
    std::string line_of(std::string_view name, const DiskNames& names) const;

    std::vector<Line> lines_;
    DiskNames names_;
    int version_ = 2;
};

}  // namespace relais
