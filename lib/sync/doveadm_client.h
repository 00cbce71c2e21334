// A client of Dovecot's doveadm servers: commands for users there, and what comes back.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/event/stream.h"
#include "lib/sync/doveadm_wire.h"
#include "lib/sync/server_tls.h"

namespace relais {

struct DoveadmAccount {
    std::string address;  // a socket's path, or HOST:PORT
    std::string password;
    ServerTlsUse tls = ServerTlsUse::kNo;  // from the first byte on
    ServerTlsSettings tls_settings;
    std::chrono::seconds patience{600};  // for each answer
};

class DoveadmClient {
  public:
    using Log = std::function<void(std::string_view line)>;

    // `log` is told the lines of the server's log that are about its commands.
    DoveadmClient(DoveadmAccount account, Log log);
    ~DoveadmClient();
    DoveadmClient(const DoveadmClient&) = delete;
    DoveadmClient& operator=(const DoveadmClient&) = delete;

    // A connection that somebody else has made, before the first command.
    void set_connection(UniqueFd fd) { connected_ = std::move(fd); }

    struct Request {
        std::string user;
        std::vector<std::string> words{};  // the command's name is one of them
        bool has_input = false;
        std::string input{};
    };

    // A value of the table; an error ends the conversation.
    using Take = std::function<Result<void>(std::string value)>;

    // Connects and logs in, if that has not been done.  Gives the word that says why the command
    // has failed, which is empty where it has not.  kClosed: the conversation is over.
    [[nodiscard]] Task<Result<std::string>> command(Request request, Take take);

  private:
    bool is_socket() const { return account_.address.starts_with('/'); }

    [[nodiscard]] Task<Result<void>> connect();
    [[nodiscard]] Task<Result<UniqueFd>> reach();
    [[nodiscard]] Task<Result<void>> open();
    [[nodiscard]] Task<Result<void>> log_in();
    [[nodiscard]] Task<Result<std::string>> read_line();
    [[nodiscard]] Task<Result<std::string>> converse(Request request, Take take);
    [[nodiscard]] Task<Result<void>> more();

    DoveadmAccount account_;
    Log log_;
    UniqueFd connected_;
    ServerTls tls_;
    std::unique_ptr<Stream> stream_;  // null: not connected, or not any longer
    bool framed_ = false;             // it is of version 1.1 or later
    doveadm_wire::Frames frames_;
    std::string answers_;
    bool over_ = false;
};

}  // namespace relais
