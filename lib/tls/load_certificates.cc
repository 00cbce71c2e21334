// Certificates and keys from files, with the messages of Postfix when they can't be used.
#include <cstdio>

#include <openssl/pem.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/tls/context_state.h"

namespace relais {

namespace {

// A password prompt on the terminal of whoever starts the mail system would hang the daemon.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*unused*/) {
    return 0;
}

bool refuse(std::string_view what, std::string_view type, const std::string& file) {
    log_warning("cannot get {} {} from file \"{}\": disabling TLS support", type, what, file);
    log_tls_errors();
    return false;
}

bool load_pair(SSL_CTX* ctx, std::string_view type, const std::string& cert_file,
               const std::string& key_file) {
    if (cert_file.empty()) {
        return true;
    }
    const std::string& key = key_file.empty() ? cert_file : key_file;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file.c_str()) != 1) {
        return refuse("certificate", type, cert_file);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return refuse("private key", type, key);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        log_warning("{} private key in {} does not match public key in {}: disabling TLS support",
                    type, key, cert_file);
        log_tls_errors();
        return false;
    }
    return true;
}

// One key and the certificates after it, until the next key.
struct KeyAndChain {
    KeyPtr key;
    X509Ptr leaf;
    STACK_OF(X509) * chain = sk_X509_new_null();

    KeyAndChain() = default;
    KeyAndChain(const KeyAndChain&) = delete;
    KeyAndChain& operator=(const KeyAndChain&) = delete;

    ~KeyAndChain() { sk_X509_pop_free(chain, X509_free); }
};

bool use_chain(SSL_CTX* ctx, KeyAndChain& part, const std::string& file) {
    if (!part.leaf) {
        log_warning("error loading {}: no certificate follows the key: disabling TLS support",
                    file);
        return false;
    }
    if (SSL_CTX_use_cert_and_key(ctx, part.leaf.get(), part.key.get(), part.chain, 1) != 1) {
        log_warning("error loading certificate chain from file {}: disabling TLS support", file);
        log_tls_errors();
        return false;
    }
    return true;
}

struct PemObject {
    std::string type;
    std::string der;
};

// The next object of a PEM file; false at its end.
bool next_object(BIO* in, PemObject& object) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(in, &name, &header, &data, &size) != 1) {
        ERR_clear_error();
        return false;
    }
    object.type = name;
    object.der.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return true;
}

// smtpd_tls_chain_files: each file holds keys, each followed by its certificate chain.
bool load_chain_file(SSL_CTX* ctx, const std::string& file) {
    BioPtr in(BIO_new_file(file.c_str(), "r"));
    if (!in) {
        log_warning("error opening chain file: {}: disabling TLS support", file);
        log_tls_errors();
        return false;
    }
    std::unique_ptr<KeyAndChain> part;
    PemObject object;
    while (next_object(in.get(), object)) {
        const auto* der = reinterpret_cast<const unsigned char*>(object.der.data());
        auto size = static_cast<long>(object.der.size());
        if (object.type.ends_with("PRIVATE KEY")) {
            if (part && !use_chain(ctx, *part, file)) {
                return false;
            }
            part = std::make_unique<KeyAndChain>();
            part->key.reset(d2i_AutoPrivateKey(nullptr, &der, size));
            if (!part->key) {
                return refuse("private key", "usable", file);
            }
        } else if (object.type == "CERTIFICATE" || object.type == "X509 CERTIFICATE") {
            X509Ptr certificate(d2i_X509(nullptr, &der, size));
            if (!certificate || !part) {
                log_warning("error loading {}: {}: disabling TLS support", file,
                            part ? "malformed certificate" : "a key must come first");
                log_tls_errors();
                return false;
            }
            if (!part->leaf) {
                part->leaf = std::move(certificate);
            } else {
                sk_X509_push(part->chain, certificate.release());
            }
        }
    }
    if (!part) {
        return refuse("private key", "any", file);
    }
    return use_chain(ctx, *part, file);
}

}  // namespace

bool load_certificates(SSL_CTX* ctx, const TlsCertificateFiles& files) {
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (!files.chain_files.empty()) {
        for (const std::string& file : files.chain_files) {
            if (!load_chain_file(ctx, file)) {
                return false;
            }
        }
        return true;
    }
    return load_pair(ctx, "RSA", files.cert_file, files.key_file) &&
           load_pair(ctx, "DSA", files.dsa_cert_file, files.dsa_key_file) &&
           load_pair(ctx, "ECDSA", files.ecdsa_cert_file, files.ecdsa_key_file);
}

}  // namespace relais
