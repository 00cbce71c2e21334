// A client of any IMAP server, for one user: commands and their answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/sync/server_tls.h"

namespace relais {

struct ImapAccount {
    enum class Tls { kNone, kStartTls, kImmediate };

    std::string host;
    std::string port;  // empty: that of the protocol
    std::string user;
    std::string password;
    std::string master_user;  // who logs in for the user; empty: the user himself
    std::string mechanism;    // of SASL; empty: as it suits.  The password of a bearer is a token.
    std::string list_prefix;  // what the server's names begin with, but for INBOX
    Tls tls = Tls::kNone;
    ServerTlsSettings tls_settings;
    std::chrono::seconds patience{600};  // for each answer
};

class ImapClient {
  public:
    explicit ImapClient(ImapAccount account);
    ~ImapClient();
    ImapClient(const ImapClient&) = delete;
    ImapClient& operator=(const ImapClient&) = delete;

    // Connects and logs in, if that has not been done.  kDenied: the server refuses the user.
    [[nodiscard]] Task<Result<void>> log_in();

    // What an untagged response is, without "* "; an error ends the conversation.
    using Take = std::function<Result<void>(std::string_view response)>;

    // Sends a command, which has no literals, and takes the answers to it.  kDenied: NO or BAD;
    // kClosed and kTemporary: the conversation is over.
    [[nodiscard]] Task<Result<void>> command(std::string text, Take take);

  private:
    [[nodiscard]] Task<Result<void>> connect();
    [[nodiscard]] Task<Result<void>> start_tls();
    [[nodiscard]] Task<Result<void>> greet();
    [[nodiscard]] Task<Result<void>> authenticate();
    [[nodiscard]] Task<Result<void>> authenticate_with(std::string mechanism);
    // `replies` go out one by one where the server asks for more ("+").
    [[nodiscard]] Task<Result<void>> converse(std::string text, std::vector<std::string> replies,
                                              Take take);
    [[nodiscard]] Task<Result<std::string>> read_response();
    [[nodiscard]] Task<Result<std::string>> read_line();
    [[nodiscard]] Task<Result<void>> read_literal(std::uint64_t size, std::string* into);
    std::string peer() const;

    ImapAccount account_;
    ServerTls tls_;
    std::unique_ptr<Stream> stream_;  // null: not connected, or not any longer
    bool over_ = false;
    unsigned tag_ = 0;
};

// "name", quoted; nothing where that takes more than a quoted string.  Names in UTF-8 go as they
// came.
[[nodiscard]] std::optional<std::string> quoted_imap_string(std::string_view text);

}  // namespace relais
