// The sender of a message that came by UUCP, from its From_ lines (RFC 976): each host on the way
// has put one in front.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

class SenderPath {
  public:
    enum class Line { kTaken, kOther };

    // One line without its newline.  kOther: not a From_ line, the message begins here.  The error
    // (kSyntax) says what is wrong with a From_ line.
    [[nodiscard]] Result<Line> add(std::string_view line);

    bool empty() const { return user_.empty(); }

    // The host that passed the message to this one; empty where the lines name none.
    const std::string& host() const { return host_; }

    bool has_host() const { return has_host_; }

    // "host1!host2!user"
    std::string path() const { return path_ + user_; }

  private:
    void add_host(std::string_view host);

    std::string host_;
    bool has_host_ = false;
    std::string path_;
    std::string user_;
};

}  // namespace relais
