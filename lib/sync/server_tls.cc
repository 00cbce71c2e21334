#include "lib/sync/server_tls.h"

#include <utility>

#include "lib/tls/tls_session.h"

namespace relais {

Task<Result<void>> ServerTls::start(Stream* stream, ServerTlsSettings settings, Peer peer) {
    TlsClientOptions client;
    client.ca_file = settings.ca_file;
    client.ca_path = settings.ca_directory;
    client.append_default_ca = client.ca_file.empty() && client.ca_path.empty();
    auto context = TlsContext::client(client);
    if (!context) {
        co_return fail(Errc::kTemporary, "TLS: " + context.error().message);
    }
    context_ = std::move(*context);
    TlsConnectOptions options;
    options.tells_result = false;
    options.peer = std::move(peer.name);
    options.server_name = peer.host;
    options.level = settings.verifies ? TlsLevel::kSecure : TlsLevel::kEncrypt;
    options.match.push_back(std::move(peer.host));
    options.protocols = ">=TLSv1.2";
    options.timeout = peer.patience;
    auto info = co_await tls_connect(stream, context_.get(), std::move(options));
    if (!info || !info->satisfied) {
        co_return fail(Errc::kTemporary, info ? "the server's certificate is not the wanted one"
                                              : "the TLS handshake failed");
    }
    co_return Result<void>();
}

}  // namespace relais
