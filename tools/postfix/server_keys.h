// Private keys and certificates of the SMTP server, as `postfix tls` makes and reads them.
#pragma once

#include <string>
#include <vector>

namespace relais::postfix_command {

// What belongs to a kind of key.
struct KeyKind {
    std::string_view name;            // "rsa", "ecdsa"
    std::string_view default_bits;    // size or curve
    std::string_view file_prefix;     // of "key-DATE.pem" and "cert-DATE.pem"
    std::string_view key_parameter;   //
    std::string_view cert_parameter;  //
};

// Null for a name that is none.
[[nodiscard]] const KeyKind* find_key_kind(std::string_view name);

struct KeyFiles {
    const KeyKind* kind = nullptr;
    std::string key;
    std::string cert;
};

// A path relative to the configuration directory, made absolute.
[[nodiscard]] std::string in_config_directory(const std::string& path);

// The key file that main.cf names for this kind; empty where there is none.
[[nodiscard]] std::string configured_key(const KeyKind& kind);

// Writes a key and a self-signed certificate for `hosts` into the configuration directory: a new
// key, or where `old_key` names a file, that one again.  Ends the process when that fails.
[[nodiscard]] KeyFiles make_key_and_certificate(const KeyKind& kind, const std::string& bits,
                                                const std::string& old_key,
                                                const std::vector<std::string>& hosts);

// The kind of the key in the file; ends the process where there is none.
[[nodiscard]] const KeyKind& kind_of_key_file(const std::string& path);

// Ends the process where the certificate is not for that key.
void require_matching_certificate(const std::string& cert, const std::string& key);

// A request for a certificate, in PEM.
[[nodiscard]] std::string certificate_request(const std::string& key,
                                              const std::vector<std::string>& hosts);

// The SHA-256 digest of the public key, in hexadecimal digits (RFC 6698: selector 1, type 1).
[[nodiscard]] std::string public_key_digest(const std::string& key);

}  // namespace relais::postfix_command
