// Databases whose client libraries block: worker processes ask them, each with a connection of its
// own, so that a server which is slow or dead holds up logins by this database and nobody else.
#pragma once

#include <string>
#include <vector>

#include "lib/maps/databases/table_workers.h"

#include "imapd/auth/database.h"

namespace relais {

class BlockingDatabase : public AuthDatabase {
  public:
    explicit BlockingDatabase(std::string title);

    Task<AuthAnswer> find_password(AuthQuery query) override;
    Task<AuthAnswer> find_user(AuthQuery query) override;
    Task<Result<std::vector<std::string>>> list_users() override;

  protected:
    enum class Purpose { kPassword, kUser };

    // All in a worker.  start() once, before anything else.
    virtual void start() {}

    virtual AuthAnswer find(Purpose purpose, const AuthQuery& query) = 0;

    // Names of users, each with a newline behind it.
    virtual Result<std::string> names();

    // In messages.
    const std::string& title() const { return title_; }

  private:
    [[nodiscard]] Task<AuthAnswer> ask(char what, AuthQuery query);
    Lookup work(std::string_view key);

    std::string title_;
    TableWorkers workers_;
};

}  // namespace relais
