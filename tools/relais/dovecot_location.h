// Dovecot 2.4 has the parts of mail_location in settings of their own: mail_driver, mail_path,
// mail_inbox_path, mail_index_path, mail_control_path, mailbox_list_layout, mailbox_list_utf8,
// mailbox_subscriptions_filename.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/config/dovecot_conf.h"

namespace relais {

class DovecotLocation {
  public:
    static bool is_part(std::string_view name);

    // False for a setting that is none of them.
    bool take(const DovecotSetting& setting);

    // All of it as 2.3 writes it, in the place of mail_path.  Without that, the driver alone;
    // nothing where that is maildir.
    std::optional<DovecotSetting> whole() const;

  private:
    std::map<std::string, DovecotSetting, std::less<>> parts_;
};

}  // namespace relais
