#include "lib/tls/tls_info.h"

#include "lib/base/format.h"

namespace relais {

static std::string key_words(std::string_view role, const TlsKey& key) {
    if (key.name.empty()) {
        return {};
    }
    std::string words = format("{} {}", role, key.name);
    if (!key.curve.empty()) {
        words += format(" ({})", key.curve);
    } else if (key.bits > 0) {
        words += format(" ({} bits)", key.bits);
    }
    return words;
}

static std::string signature_words(std::string_view side, const TlsKey& key) {
    std::string words = key_words(format("{}-signature", side), key);
    if (!words.empty() && !key.digest.empty()) {
        words += format(" {}-digest {}", side, key.digest);
    }
    return words;
}

static std::string cipher_words(const TlsInfo& info) {
    return format("{} with cipher {} ({}/{} bits)", info.protocol, info.cipher,
                  info.cipher_bits_used, info.cipher_bits);
}

std::string tls_description(const TlsInfo& info) {
    std::string text = cipher_words(info);
    for (const std::string& part : {key_words("key-exchange", info.key_exchange),
                                    signature_words("server", info.server_signature),
                                    signature_words("client", info.client_signature)}) {
        if (!part.empty()) {
            text += " " + part;
        }
    }
    return text;
}

std::string_view tls_trust_word(TlsTrust trust) {
    switch (trust) {
        case TlsTrust::kAnonymous:
            return "Anonymous";
        case TlsTrust::kUntrusted:
            return "Untrusted";
        case TlsTrust::kTrusted:
            return "Trusted";
        case TlsTrust::kVerified:
            return "Verified";
    }
    return "Anonymous";
}

std::string tls_received_lines(const TlsInfo& info, ClientCertificateAsked asked) {
    std::string lines = "\t(using " + cipher_words(info);
    std::string exchange = key_words("key-exchange", info.key_exchange);
    std::string server = signature_words("server", info.server_signature);
    if (!exchange.empty()) {
        lines += "\n\t " + exchange;
        lines += server.empty() ? "" : " " + server;
    }
    std::string client = signature_words("client", info.client_signature);
    if (!client.empty()) {
        lines += "\n\t " + client;
    }
    lines += ")\n";
    if (info.has_certificate()) {
        bool trusted = info.trust != TlsTrust::kUntrusted;
        lines += format("\t(Client CN \"{}\", Issuer \"{}\" ({}))\n", info.peer_cn, info.issuer_cn,
                        trusted ? "verified OK" : "not verified");
    } else if (asked == ClientCertificateAsked::kYes) {
        lines += "\t(Client did not present a certificate)\n";
    } else {
        lines += "\t(No client certificate requested)\n";
    }
    return lines;
}

}  // namespace relais
