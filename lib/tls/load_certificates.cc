// Certificates and keys from files, with the messages of Postfix when they can't be used.
#include "lib/tls/load_certificates.h"

#include <cerrno>
#include <cstring>

#include <openssl/pem.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"

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

BioPtr in_memory(std::string_view text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// What somebody else has read for this process, or null.
const std::string* content_of(const TlsCertificateFiles& files, const std::string& file) {
    auto found = files.contents.find(file);
    return found != files.contents.end() ? &found->second : nullptr;
}

bool use_certificates(SSL_CTX* ctx, std::string_view pem) {
    BioPtr in = in_memory(pem);
    X509Ptr leaf(PEM_read_bio_X509_AUX(in.get(), nullptr, no_password, nullptr));
    if (!leaf || SSL_CTX_use_certificate(ctx, leaf.get()) != 1) {
        return false;
    }
    SSL_CTX_clear_chain_certs(ctx);
    while (X509Ptr next{PEM_read_bio_X509(in.get(), nullptr, no_password, nullptr)}) {
        if (SSL_CTX_add1_chain_cert(ctx, next.get()) != 1) {
            return false;
        }
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (at_end) {
        ERR_clear_error();
    }
    return at_end;
}

bool use_key(SSL_CTX* ctx, std::string_view pem) {
    BioPtr in = in_memory(pem);
    KeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
    return key && SSL_CTX_use_PrivateKey(ctx, key.get()) == 1;
}

bool load_pair(SSL_CTX* ctx, std::string_view type, const TlsCertificateFiles& files,
               const std::string& cert_file, const std::string& key_file) {
    if (cert_file.empty()) {
        return true;
    }
    const std::string& key = key_file.empty() ? cert_file : key_file;
    const std::string* certificates = content_of(files, cert_file);
    const std::string* key_text = content_of(files, key);
    bool good = certificates != nullptr
                    ? use_certificates(ctx, *certificates)
                    : SSL_CTX_use_certificate_chain_file(ctx, cert_file.c_str()) == 1;
    if (!good) {
        return refuse("certificate", type, cert_file);
    }
    good = key_text != nullptr
               ? use_key(ctx, *key_text)
               : SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) == 1;
    if (!good) {
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

struct PemObject {
    std::string type;
    std::string der;
};

// The next object of a PEM text; false at its end, and where it is torn: then errors are queued.
bool next_object(BIO* in, PemObject& object) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(in, &name, &header, &data, &size) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
            ERR_clear_error();
        }
        return false;
    }
    object.type = name;
    object.der.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return true;
}

// Keys, each followed by its certificate and the chain of it.  They may be spread over files.
class ChainLoader {
  public:
    explicit ChainLoader(ChainTarget target) : target_(target) {}

    ChainLoader(const ChainLoader&) = delete;
    ChainLoader& operator=(const ChainLoader&) = delete;

    ~ChainLoader() { sk_X509_pop_free(chain_, X509_free); }

    // False when the text can't be used; logged, but for the TLS library's own words.
    bool load(BIO* in, const std::string& source) {
        PemObject object;
        while (next_object(in, object)) {
            bool good = true;
            if (object.type.ends_with("PRIVATE KEY")) {
                good = take_key(object.der, source);
            } else if (object.type == "CERTIFICATE" || object.type == "X509 CERTIFICATE") {
                good = take_certificate(object.der, source);
            }
            if (!good) {
                return false;
            }
        }
        return ERR_peek_error() == 0;
    }

    // After the last text.
    bool finish() {
        if (key_ && !leaf_) {
            log_warning("No certs for key at index {} in {}", index_, key_source_);
            return false;
        }
        return use() && index_ > 0;
    }

  private:
    bool take_key(const std::string& der, const std::string& source) {
        if (key_ && !leaf_) {
            log_warning(
                "error loading certificate chain: key at index {} in {} not followed by a "
                "certificate",
                index_, key_source_);
            return false;
        }
        if (!use()) {
            return false;
        }
        const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
        key_.reset(d2i_AutoPrivateKey(nullptr, &bytes, static_cast<long>(der.size())));
        key_source_ = source;
        ++index_;
        return key_ != nullptr;
    }

    bool take_certificate(const std::string& der, const std::string& source) {
        if (!key_) {
            log_warning("error loading chain from {}: key not first", source);
            return false;
        }
        const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
        X509Ptr certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
        if (!certificate) {
            return false;
        }
        if (leaf_) {
            return sk_X509_push(chain_, certificate.release()) > 0;
        }
        leaf_ = std::move(certificate);
        if (X509_check_private_key(leaf_.get(), key_.get()) != 1) {
            log_warning("key at index {} in {} does not match next certificate", index_,
                        key_source_);
            ERR_clear_error();
            (void)use();  // for the words of the library
            return false;
        }
        return true;
    }

    bool use() {
        if (!leaf_) {
            return true;
        }
        bool used =
            target_.ctx != nullptr
                ? SSL_CTX_use_cert_and_key(target_.ctx, leaf_.get(), key_.get(), chain_, 1) == 1
                : SSL_use_cert_and_key(target_.ssl, leaf_.get(), key_.get(), chain_, 1) == 1;
        key_.reset();
        leaf_.reset();
        sk_X509_pop_free(chain_, X509_free);
        chain_ = sk_X509_new_null();
        return used;
    }

    ChainTarget target_;
    KeyPtr key_;
    X509Ptr leaf_;
    STACK_OF(X509) * chain_ = sk_X509_new_null();
    std::string key_source_;
    int index_ = 0;  // of the key, from 1
};

bool load_chain_file(ChainLoader& loader, const TlsCertificateFiles& files,
                     const std::string& file) {
    const std::string* content = content_of(files, file);
    BioPtr in = content != nullptr ? in_memory(*content) : BioPtr(BIO_new_file(file.c_str(), "r"));
    if (!in) {
        log_warning("error opening chain file: {}: {}", file, std::strerror(errno));
        return false;
    }
    return loader.load(in.get(), file);
}

// PREFIX_tls_chain_files
bool load_chain_files(SSL_CTX* ctx, const TlsCertificateFiles& files) {
    ChainLoader loader({ctx, nullptr});
    bool good = true;
    for (const std::string& file : files.chain_files) {
        good = good && load_chain_file(loader, files, file);
    }
    if (good && loader.finish()) {
        return true;
    }
    log_tls_errors();
    log_warning("error loading private keys and certificates from: {}: disabling TLS support",
                join(files.chain_files, " "));
    return false;
}

}  // namespace

bool load_certificates(SSL_CTX* ctx, const TlsCertificateFiles& files) {
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (!files.chain_files.empty()) {
        return load_chain_files(ctx, files);
    }
    return load_pair(ctx, "RSA", files, files.cert_file, files.key_file) &&
           load_pair(ctx, "DSA", files, files.dsa_cert_file, files.dsa_key_file) &&
           load_pair(ctx, "ECDSA", files, files.ecdsa_cert_file, files.ecdsa_key_file);
}

bool load_chain_text(SSL* ssl, std::string_view pem, const std::string& source) {
    SSL_certs_clear(ssl);
    BioPtr in = in_memory(pem);
    ChainLoader loader({nullptr, ssl});
    if (in && loader.load(in.get(), source) && loader.finish() && SSL_check_private_key(ssl) == 1) {
        return true;
    }
    log_tls_errors();
    log_warning("error loading private keys and certificates from: {}: aborting TLS handshake",
                source);
    return false;
}

}  // namespace relais
