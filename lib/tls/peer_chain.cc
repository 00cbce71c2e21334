#include "lib/tls/peer_chain.h"

#include <openssl/pem.h>

#include "lib/tls/certificate.h"
#include "lib/tls/context_state.h"
#include "lib/tls/tls_transport.h"

namespace relais {

static std::string pem_of(X509* certificate) {
    std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
    if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) {
        ERR_clear_error();
        return {};
    }
    char* data = nullptr;
    auto length = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<std::size_t>(length)};
}

std::vector<PeerCertificate> peer_chain(Stream& stream, TlsContext& context, PeerChain which) {
    std::vector<PeerCertificate> out;
    auto* transport = dynamic_cast<TlsTransport*>(&stream.transport());
    if (transport == nullptr) {
        return out;
    }
    STACK_OF(X509)* chain = which == PeerChain::kVerified
                                ? SSL_get0_verified_chain(transport->ssl())
                                : SSL_get_peer_cert_chain(transport->ssl());
    const EVP_MD* digest = context.state().fingerprint_digest;
    for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
        X509* one = sk_X509_value(chain, i);
        out.push_back({subject_line(one), issuer_line(one), certificate_fingerprint(one, digest),
                       key_fingerprint(one, digest), certificate_names(one), pem_of(one)});
    }
    return out;
}

}  // namespace relais
