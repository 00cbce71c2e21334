// One look at a server: connection, EHLO, STARTTLS, EHLO, QUIT.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/event/stream.h"
#include "lib/smtp/capabilities.h"
#include "lib/tls/peer_chain.h"
#include "lib/tls/tls_context.h"
#include "lib/tls/tls_session.h"

#include "tools/posttls-finger/options.h"
#include "tools/posttls-finger/servers.h"

namespace relais::finger {

enum class Look { kFirst, kAgain };

// What a server must show: -l, and what its TLSA records make of that.
struct Demand {
    TlsLevel level = TlsLevel::kSecure;
    std::vector<std::string> dane_names;  // the first is the name to ask the server for
    std::vector<TlsaRecord> tlsa;
};

// The error says why nobody knows.
[[nodiscard]] Task<Result<Demand>> find_demand(Resolver* resolver, const Options* options,
                                               const ServerList* list, Server server);

class Probe {
  public:
    // `tls` may be nothing: then it is not there, and the reason was told.
    Probe(const Options& options, const Destination& destination, std::string my_name,
          TlsContext* tls)
        : options_(options), destination_(destination), my_name_(std::move(my_name)), tls_(tls) {}

    // Tells what it finds.  The error is the reason why there was no connection.
    [[nodiscard]] Task<Result<void>> look_at(Server server, Demand demand, Look look);

    // What the last look was told: a session went on; and the server, by its own name, was one
    // that had been seen before.
    bool reused_session() const { return reused_session_; }

    bool known_server() const { return known_server_; }

  private:
    struct Reply {
        int code = 0;       // 0: it was none
        std::string text;   // without the codes, "\n" between lines
        std::string lines;  // with them

        bool is_good() const { return code / 100 == 2; }
    };

    [[nodiscard]] Task<Result<UniqueFd>> connect(const Server* server) const;
    [[nodiscard]] Task<void> converse();
    [[nodiscard]] Task<bool> greeting();
    [[nodiscard]] Task<bool> hello();
    [[nodiscard]] Task<bool> offer_tls();
    [[nodiscard]] Task<bool> start_tls();
    [[nodiscard]] Task<Result<TlsInfo>> handshake(TlsConnectOptions options);
    [[nodiscard]] Task<Result<TlsInfo>> handshake_in_tlsproxy(TlsConnectOptions options);
    [[nodiscard]] Task<void> quit();
    [[nodiscard]] Task<Reply> command(std::string line);
    [[nodiscard]] Task<Reply> reply();

    TlsConnectOptions connect_options() const;
    std::vector<std::string> wanted_matches() const;
    void note_end(std::string_view how) const;
    void note_server_name();
    void tell_session(const TlsInfo& info) const;
    void tell_certificate(const TlsInfo& info);
    void tell_match(const TlsInfo& info);
    void show_chain(PeerChain which);

    const Options& options_;
    const Destination& destination_;
    std::string my_name_;
    TlsContext* tls_;

    Server server_;
    Demand demand_;
    std::string peer_;  // "host[address]:port"
    Look look_ = Look::kFirst;
    Stream* stream_ = nullptr;
    std::unique_ptr<Stream> proxy_;  // -X: what stream_ is then
    std::string doing_;
    bool chats_ = true;
    smtp::Capabilities capabilities_;
    std::set<std::string> seen_names_;
    bool reused_session_ = false;
    bool known_server_ = false;
    bool encrypted_ = false;
};

}  // namespace relais::finger
