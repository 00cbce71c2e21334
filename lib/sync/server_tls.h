// TLS of a client of servers that hold mail: IMAP servers, doveadm servers.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/tls/tls_context.h"

namespace relais {

enum class ServerTlsUse { kNo, kYes };

struct ServerTlsSettings {
    bool verifies = true;  // the server's certificate
    std::string ca_file;   // with ca_directory empty, too: the system's authorities
    std::string ca_directory;
};

// Outlives the streams on which it has begun.
class ServerTls {
  public:
    struct Peer {
        std::string name;  // for the log
        std::string host;  // whose certificate it is to have
        std::chrono::seconds patience;
    };

    // kTemporary: there is none, or the certificate is not the wanted one.
    [[nodiscard]] Task<Result<void>> start(Stream* stream, ServerTlsSettings settings, Peer peer);

  private:
    std::unique_ptr<TlsContext> context_;
};

}  // namespace relais
