// Dovecot 2.4 has the parts of mail_location in settings of their own: mail_driver, mail_path,
// mail_inbox_path, mail_index_path, mail_control_path.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lib/config/dovecot_conf.h"

namespace relais {

class DovecotLocation {
  public:
    // False for a setting that is none of them.
    bool take(const DovecotSetting& setting);

    // All of it as 2.3 writes it, in the place of mail_path.  Without that, the driver alone;
    // nothing where that is maildir.
    std::optional<DovecotSetting> whole() const;

  private:
    std::map<std::string, DovecotSetting, std::less<>> parts_;
};

}  // namespace relais
