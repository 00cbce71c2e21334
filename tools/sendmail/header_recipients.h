// `sendmail -t`: the recipients in the headers of a message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace relais {

class HeaderRecipients {
  public:
    // The lines of the message in their order; those of the body are ignored.
    void take(std::string_view line, bool complete);

    // After the last line: the addresses in internal form.  Where there are Resent-To:, -Cc: or
    // -Bcc: headers, only they count.
    [[nodiscard]] std::vector<std::string> finish();

  private:
    void end_header();

    std::string header_;
    bool in_headers_ = true;
    bool within_line_ = false;
    bool resent_ = false;
    std::vector<std::string> recipients_;
    std::vector<std::string> resent_recipients_;
};

}  // namespace relais
