// The program of a login service, whose sessions are a LoginSession of its protocol.
#pragma once

#include <memory>
#include <optional>

#include "lib/access/login_ending.h"
#include "lib/access/login_session.h"
#include "lib/access/login_site.h"
#include "lib/daemon/daemon.h"

namespace relais {

template <class Session>
class LoginDaemon : public Daemon {
  public:
    // `settings` is asked once there is a configuration.
    explicit LoginDaemon(LoginSettings (*settings)()) : settings_(settings) {}

    void before_jail() override { site_.emplace(settings_()); }

    Task<void> serve(Connection connection) override {
        TaskGroup task;  // so that it can be ended from outside
        Session session(*site_, std::move(connection.fd), task);
        auto place = ending_.arrive(&session);
        task.spawn(session.run());
        try {
            co_await task.join();
        } catch (const Cancelled&) {
            // The whole process ends.
        }
        co_await task.close();
    }

    Task<void> background() override { return ending_.wait(); }

    bool make_room() override { return site_->limits().drop_oldest(); }

    Task<void> shut_down() override { co_await site_->close(); }

  private:
    LoginSettings (*settings_)();
    std::optional<LoginSite> site_;
    LoginEnding ending_;
};

// Users' mail may be on other machines, whose certificates are looked at.
inline constexpr SandboxTable kLoginSandbox = {
    .files = {{Access::kRead, "$config_directory"},
              {Access::kRead, "$login_proxy_tls_CApath"},
              {Access::kRead, "@certificates"},
              {Access::kRead, "@names"}},
    .reach = Reach::kServers,
};

// It runs as mail_owner, and may be chrooted.
template <class Session>
int run_login_daemon(int argc, char** argv, const char* name, LoginSettings (*settings)()) {
    DaemonTraits traits;
    traits.wakeups = Wakeups::kAtOnce;
    traits.name = name;
    traits.privilege = Privilege::kNever;
    traits.most_sessions = 10000;
    traits.sandbox = &kLoginSandbox;
    return run_daemon(argc, argv, traits,
                      [settings] { return std::make_unique<LoginDaemon<Session>>(settings); });
}

}  // namespace relais
