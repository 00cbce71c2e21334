#include "tools/postfix/server_keys.h"

#include <array>
#include <ctime>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "tools/postfix/control.h"
#include "tools/postfix/openssl.h"

namespace relais::postfix_command {

namespace {

constexpr std::array<KeyKind, 2> kKinds = {{
    {"rsa", "2048", "", "smtpd_tls_key_file", "smtpd_tls_cert_file"},
    {"ecdsa", "secp256r1", "ec", "smtpd_tls_eckey_file", "smtpd_tls_eccert_file"},
}};
constexpr std::string_view kDays = "36525";  // a hundred years
constexpr std::size_t kMaxCommonName = 64;   // RFC 5280, ub-common-name
constexpr unsigned kKeyMode = 0600;
constexpr unsigned kCertMode = 0644;

// "20261129-233828", UTC.
std::string date_of_now() {
    std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts);
    return text.data();
}

// The settings of openssl-req(1).  The names have been looked at: nothing in them has a meaning
// there.
std::string request_settings(const std::vector<std::string>& hosts, std::string_view subject) {
    std::string names;
    for (const std::string& host : hosts) {
        names += format("{}DNS:{}", names.empty() ? "" : ",", host);
    }
    return format(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = cert\n"
        "req_extensions = request\n[name]\n{}\n"
        "[request]\nsubjectKeyIdentifier = hash\nextendedKeyUsage = serverAuth,clientAuth\n"
        "subjectAltName = {}\n"
        "[cert]\nbasicConstraints = CA:FALSE\nsubjectKeyIdentifier = hash\n"
        "extendedKeyUsage = serverAuth,clientAuth\nsubjectAltName = {}\n",
        subject, names, names);
}

std::string new_key(const KeyKind& kind, const std::string& bits) {
    std::string failure =
        format("error generating new {} {} private key", kind.name, printable(bits));
    if (bits.starts_with('-')) {
        refuse(failure);
    }
    if (kind.name == "rsa") {
        return openssl_or_refuse({"genrsa", bits}, {}, failure);
    }
    return openssl_or_refuse({"ecparam", "-name", bits, "-genkey", "-noout"}, {}, failure);
}

void write_or_refuse(const std::string& path, std::string_view content, unsigned mode) {
    if (auto written = replace_file(path, content, mode); !written) {
        refuse(written.error().message);
    }
}

std::string read_key(const std::string& path) {
    auto key = read_file(path);
    if (!key || !run_openssl({"pkey", "-noout"}, *key).ok) {
        refuse("no private key found in file: " + path);
    }
    return std::move(*key);
}

}  // namespace

const KeyKind* find_key_kind(std::string_view name) {
    for (const KeyKind& kind : kKinds) {
        if (kind.name == name) {
            return &kind;
        }
    }
    return nullptr;
}

std::string in_config_directory(const std::string& path) {
    return path.starts_with('/') ? path : conf().config_directory() + "/" + path;
}

std::string configured_key(const KeyKind& kind) {
    const std::string& path = conf().text_value(kind.key_parameter);
    return path.empty() || path == "none" ? "" : in_config_directory(path);
}

KeyFiles make_key_and_certificate(const KeyKind& kind, const std::string& bits,
                                  const std::string& old_key,
                                  const std::vector<std::string>& hosts) {
    std::string key = old_key.empty() ? new_key(kind, bits) : read_key(old_key);
    std::string stem = conf().config_directory() + "/" + std::string(kind.file_prefix);
    std::string date = date_of_now();
    KeyFiles out{&kind, format("{}key-{}.pem", stem, date), format("{}cert-{}.pem", stem, date)};
    write_or_refuse(out.key, key, kKeyMode);
    bool has_name = hosts.front().size() <= kMaxCommonName;
    std::string settings =
        request_settings(hosts, has_name ? "CN = " + hosts.front() : std::string());
    std::string cert =
        openssl_or_refuse({"req", "-x509", "-new", "-sha256", "-days", std::string(kDays), "-key",
                           out.key, "-config", "/dev/stdin"},
                          settings, "error generating self-signed SSL certificate");
    write_or_refuse(out.cert, cert, kCertMode);
    return out;
}

const KeyKind& kind_of_key_file(const std::string& path) {
    std::string key = read_key(path);
    for (const KeyKind& kind : kKinds) {
        std::string command(kind.name == "rsa" ? "rsa" : "ec");
        if (run_openssl({command, "-noout"}, key).ok) {
            return kind;
        }
    }
    refuse("no private key found in file: " + path);
}

void require_matching_certificate(const std::string& cert, const std::string& key) {
    auto content = read_file(cert);
    auto of_cert = run_openssl({"x509", "-noout", "-pubkey"}, content.value_or(""));
    if (!of_cert.ok) {
        refuse("no certificate found in file: " + cert);
    }
    if (run_openssl({"pkey", "-pubout"}, read_key(key)).output != of_cert.output) {
        refuse(format("Certificate in {} does not match key in {}", cert, key));
    }
}

std::string certificate_request(const std::string& key, const std::vector<std::string>& hosts) {
    static_cast<void>(read_key(key));
    return openssl_or_refuse(
        {"req", "-new", "-sha256", "-key", key, "-subj", "/", "-config", "/dev/stdin"},
        request_settings(hosts, ""), "error generating the CSR");
}

std::string public_key_digest(const std::string& key) {
    std::string failure = "error extracting the public key from " + key;
    std::string public_key =
        openssl_or_refuse({"pkey", "-pubout", "-outform", "DER"}, read_key(key), failure);
    std::string digest = openssl_or_refuse({"dgst", "-sha256", "-r"}, public_key, failure);
    return digest.substr(0, digest.find(' '));
}

}  // namespace relais::postfix_command
