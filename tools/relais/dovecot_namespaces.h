// What Dovecot's namespaces and its settings of access control lists and annotations mean in ours.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/config/dovecot_conf.h"

namespace relais {

// A setting of ours.
struct ImportedSetting {
    std::string name;
    std::string value;
};

// "plugin { acl = ... }", mail_attribute_dict and the like; nothing for what is none of these.  An
// empty name: there is no counterpart, for the reason that is the value.
[[nodiscard]] std::optional<ImportedSetting> import_sharing(const DovecotSetting& setting);

// The groups of imap_namespaces.
class DovecotNamespaces {
  public:
    // Why a line of a namespace cannot be carried over.
    using Leave = std::function<void(const DovecotSetting& setting, std::string why)>;

    void take(const DovecotSection& section, const Leave& leave);

    // Empty where one without a prefix is all there is.
    std::string text() const;

  private:
    bool special_ = false;
    std::vector<std::string> groups_;
};

}  // namespace relais
