#include "lib/sasl/digest_md5.h"

#include <algorithm>
#include <array>
#include <map>

#include <openssl/evp.h>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/hex.h"
#include "lib/base/strings.h"
#include "lib/sasl/password.h"

namespace relais {

namespace {

using Directives = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t kMostBytes = 4096;  // RFC 2831 2.1.2

std::string md5(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), out.data(), &size, EVP_md5(), nullptr);
    return std::string(reinterpret_cast<const char*>(out.data()), size);
}

std::string md5_hex(std::string_view text) {
    return lowercase(hex_encode(md5(text)));
}

// "quoted \"text\"", cut off.
std::optional<std::string> take_quoted(std::string_view& text) {
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return value;
        }
        i += text[i] == '\\' && i + 1 < text.size() ? 1 : 0;
        value += text[i];
    }
    return std::nullopt;
}

// name=value, name="value", separated by commas (RFC 2831 7.1).  Nothing where one comes twice.
std::optional<Directives> parse_directives(std::string_view text) {
    Directives found;
    if (text.size() > kMostBytes || text.contains('\0')) {
        return std::nullopt;
    }
    while (
        !(text = text.substr(std::min(text.find_first_not_of(", \t\r\n"), text.size()))).empty()) {
        auto equals = text.find('=');
        if (equals == text.npos) {
            return std::nullopt;
        }
        std::string name = lowercase(trim(text.substr(0, equals)));
        text = trim_left(text.substr(equals + 1));
        std::optional<std::string> value;
        if (text.starts_with('"')) {
            value = take_quoted(text);
        } else {
            auto end = std::min(text.find(','), text.size());
            value = std::string(trim_right(text.substr(0, end)));
            text.remove_prefix(end);
        }
        if (!value || !found.emplace(std::move(name), std::move(*value)).second) {
            return std::nullopt;
        }
    }
    return found;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        out += c == '"' || c == '\\' ? "\\" : "";
        out += c;
    }
    return out + "\"";
}

class DigestMd5Mechanism : public SaslMechanism {
  public:
    explicit DigestMd5Mechanism(std::string_view realms) : realms_(realms) {}

    SaslStep step(std::optional<std::string_view> response) override;
    SaslStep secret(std::optional<std::string_view> stored,
                    std::string_view default_scheme) override;

  private:
    SaslStep challenge();
    SaslStep answer(std::string_view response);
    std::string response_value(std::string_view key, std::string_view method) const;

    const std::string& given(std::string_view name) const {
        static const std::string kNone;
        auto found = client_.find(name);
        return found == client_.end() ? kNone : found->second;
    }

    SaslStep finished(Proof proof) {
        credentials_.proof = proof;
        return SaslStep::finish(credentials_);
    }

    std::string realms_;
    std::string nonce_;
    Directives client_;
    Credentials credentials_;
    bool proven_ = false;
};

SaslStep DigestMd5Mechanism::challenge() {
    nonce_ = base64_encode(random_secret(18));
    std::string text;
    for (std::string_view realm : split_words(realms_)) {
        text += format("realm={},", quoted(realm));
    }
    if (text.empty()) {
        text = "realm=\"\",";
    }
    return SaslStep::ask(
        text + format(R"(nonce="{}",qop="auth",charset="utf-8",algorithm="md5-sess")", nonce_));
}

SaslStep DigestMd5Mechanism::step(std::optional<std::string_view> response) {
    if (nonce_.empty()) {
        // An initial response would be one to a challenge of another time (RFC 2831 2.2).
        return response && !response->empty() ? SaslStep() : challenge();
    }
    if (!response) {
        return {};
    }
    if (proven_) {
        return response->empty() ? finished(Proof::kRight) : SaslStep();
    }
    return client_.empty() ? answer(*response) : SaslStep();
}

SaslStep DigestMd5Mechanism::answer(std::string_view response) {
    auto directives = parse_directives(response);
    if (!directives) {
        return {};
    }
    client_ = std::move(*directives);
    std::string qop = given("qop").empty() ? "auth" : given("qop");
    bool charset = given("charset").empty() || iequals(given("charset"), "utf-8");
    if (given("username").empty() || given("nonce") != nonce_ || given("cnonce").empty() ||
        given("nc") != "00000001" || qop != "auth" || given("response").size() != 32 ||
        given("digest-uri").empty() || !charset) {
        return {};
    }
    credentials_.user = given("username");
    if (!credentials_.user.contains('@') && !given("realm").empty()) {
        credentials_.user += format("@{}", given("realm"));
    }
    credentials_.authorization = given("authzid");
    SaslStep step;
    step.kind = SaslStep::Kind::kSecret;
    step.credentials = credentials_;
    return step;
}

// RFC 2831 2.1.2.1; `method` is AUTHENTICATE for the client and nothing for the server.
std::string DigestMd5Mechanism::response_value(std::string_view key,
                                               std::string_view method) const {
    std::string a1 = std::string(key) + format(":{}:{}", nonce_, given("cnonce"));
    if (!credentials_.authorization.empty()) {
        a1 += format(":{}", credentials_.authorization);
    }
    std::string a2 = format("{}:{}", method, given("digest-uri"));
    return md5_hex(format("{}:{}:{}:{}:auth:{}", md5_hex(a1), nonce_, given("nc"), given("cnonce"),
                          md5_hex(a2)));
}

SaslStep DigestMd5Mechanism::secret(std::optional<std::string_view> stored,
                                    std::string_view default_scheme) {
    auto key = stored ? digest_md5_key(*stored, default_scheme, given("username"), given("realm"))
                      : std::nullopt;
    if (!key || !equal_secrets(response_value(*key, "AUTHENTICATE"), given("response"))) {
        return finished(Proof::kWrong);
    }
    proven_ = true;
    return SaslStep::ask("rspauth=" + response_value(*key, ""));
}

}  // namespace

std::unique_ptr<SaslMechanism> make_digest_md5_mechanism(std::string_view realms) {
    return std::make_unique<DigestMd5Mechanism>(realms);
}

}  // namespace relais
