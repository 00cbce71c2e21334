#include "lib/sasl/sealed.h"

#include <array>
#include <memory>

#include <openssl/evp.h>

#include "lib/sasl/password.h"

namespace relais {

namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* room_in(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

int size_of(std::string_view text) {
    return static_cast<int>(text.size());
}

}  // namespace

Sealer::Sealer(std::string_view secret) : secret_(secret), key_(key_for("seal")) {
}

std::string Sealer::key_for(std::string_view purpose) const {
    return password_digest(secret_, "relais", purpose);
}

std::string Sealer::seal(std::string_view text, std::string_view about) const {
    std::string nonce = random_secret(kNonce);
    std::string sealed(text.size(), '\0');
    std::string tag(kTag, '\0');
    Cipher cipher(EVP_CIPHER_CTX_new());
    int size = 0;
    bool done =
        EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_),
                           bytes_of(nonce)) == 1 &&
        EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes_of(about), size_of(about)) == 1 &&
        EVP_EncryptUpdate(cipher.get(), room_in(sealed), &size, bytes_of(text), size_of(text)) ==
            1 &&
        EVP_EncryptFinal_ex(cipher.get(), room_in(tag), &size) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kTag),
                            room_in(tag)) == 1;
    return done ? nonce + sealed + tag : "";
}

std::optional<std::string> Sealer::open(std::string_view sealed, std::string_view about) const {
    if (sealed.size() < kNonce + kTag) {
        return std::nullopt;
    }
    std::string_view nonce = sealed.substr(0, kNonce);
    std::string tag(sealed.substr(sealed.size() - kTag));
    sealed = sealed.substr(kNonce, sealed.size() - kNonce - kTag);
    std::string text(sealed.size(), '\0');
    std::string rest(kTag, '\0');
    Cipher cipher(EVP_CIPHER_CTX_new());
    int size = 0;
    bool done =
        EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key_),
                           bytes_of(nonce)) == 1 &&
        EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes_of(about), size_of(about)) == 1 &&
        EVP_DecryptUpdate(cipher.get(), room_in(text), &size, bytes_of(sealed), size_of(sealed)) ==
            1 &&
        EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kTag),
                            room_in(tag)) == 1 &&
        EVP_DecryptFinal_ex(cipher.get(), room_in(rest), &size) == 1;
    return done ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace relais
