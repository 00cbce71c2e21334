// Certificates that are renewed while a server runs are used by its next TLS sessions.
//
// The process that serves has no right to read them: keys belong to root, and the process may be in
// a jail.  So one is forked before (RootHelper) that knows the names of the files of one TLS
// context and does nothing but look whether they have changed, and read them.  It is asked when a
// TLS session begins, at most once a second.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/daemon/root_helper.h"
#include "lib/event/task.h"
#include "lib/tls/tls_context.h"

namespace relais {

class RenewedCertificates {
  public:
    // Before the files are read for the first time, with the rights that this takes.
    explicit RenewedCertificates(const TlsCertificateFiles& files);

    // Has `context` use the files as they are now.  What is broken, torn or does not fit together
    // changes nothing: the reason is logged, and the next change is tried again.
    [[nodiscard]] Task<void> look(TlsContext* context);

    // For a server without a context, since its files could not be used: whether they have changed,
    // so that a fresh process may do better.
    [[nodiscard]] Task<bool> have_changed();

  private:
    using Contents = std::map<std::string, std::string>;

    // The files, when they are others than the last time.
    [[nodiscard]] Task<std::optional<Contents>> ask_in_turn();
    [[nodiscard]] Task<std::optional<Contents>> ask();
    [[nodiscard]] Task<std::optional<std::string>> receive();

    std::vector<std::string> names_;
    std::unique_ptr<RootHelper> helper_;  // null: there is nothing to watch, or nobody to ask
    std::string packet_;
    SteadyTime asked_{};
    bool asking_ = false;
};

}  // namespace relais
