// Address rewriting: by trivial-rewrite(8), or at once where the configuration alone says what it
// would answer, which holds for nearly every address.  cleanup and smtpd complete addresses so.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/ipc/rewrite_client.h"

namespace relais {

class Rewriter {
  public:
    explicit Rewriter(const Config& config);

    // An address in external form.  The error is that trivial-rewrite stays away.
    [[nodiscard]] Task<Result<std::string>> external(RewriteContext context, std::string address);

    // An address in internal form.
    [[nodiscard]] Task<Result<std::string>> internal(std::string address);

    // Where mail for an address goes once it is in standard form.  Both in internal form.
    [[nodiscard]] Task<Result<Resolved>> resolve(std::string sender, std::string address);

    // See RewriteClient.
    void use_shortcut(ResolveShortcut shortcut) { client_.use_shortcut(std::move(shortcut)); }

    // What external() returns, if that takes no question.
    std::optional<std::string> at_once(RewriteContext context, std::string_view address) const;

  private:
    const Config& config_;
    RewriteClient client_;
};

}  // namespace relais
