// The texts of notifications, from bounce_template_file (bounce(5)) or built in: for each kind a
// character set, the From and Subject headers, and what is said to people above the reasons.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais::bounce {

enum class Kind { kFailure, kDelay, kSuccess, kVerify };

struct Template {
    Kind kind = Kind::kFailure;
    std::string origin;   // the file, or "[built-in]", for warnings
    std::string charset;  // "us-ascii" or the file's
    std::string from;
    std::string subject;
    std::string postmaster_subject;  // empty: no copies of this kind
    std::vector<std::string> text;   // lines, names in them not expanded yet

    // "failure"
    std::string_view name() const;
};

class Templates {
  public:
    // The built-in texts.
    Templates();

    // Those of a file take their place.  Templates with errors in them are left out with a warning.
    void read_file(const std::string& path);
    void read_text(std::string_view text, const std::string& origin);

    const Template& of(Kind kind) const { return templates_[static_cast<std::size_t>(kind)]; }

  private:
    std::array<Template, 4> templates_;
};

// The lines of a template's text with the names in them expanded: $myhostname, main.cf's others,
// and delay_warning_time and maximal_queue_lifetime with _seconds, _minutes, _hours, _days, _weeks.
[[nodiscard]] std::vector<std::string> expand_text(const Template& source);

}  // namespace relais::bounce
