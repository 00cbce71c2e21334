// Tokens of strangers, and what a server that is asked about one answers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/base/json.h"
#include "lib/sasl/jwt.h"
#include "lib/sasl/mechanism.h"

using namespace relais;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    if (auto token = Jwt::parse(text)) {
        auto right = token->verify("c2VjcmV0");
        auto time = token->check_time(1);
        if (!right && right.error().message.empty()) {
            std::abort();
        }
        static_cast<void>(time);
    }
    static_cast<void>(parse_json_object(text));
    for (const char* name : {"OAUTHBEARER", "XOAUTH2", "EXTERNAL", "SCRAM-SHA-256-PLUS"}) {
        auto step = SaslMechanism::make(name)->step(text);
        if (step.kind == SaslStep::Kind::kCredentials && step.credentials.user.empty()) {
            std::abort();
        }
    }
    auto digest = SaslMechanism::make("DIGEST-MD5");
    static_cast<void>(digest->step(std::nullopt));
    static_cast<void>(digest->step(text));
    return 0;
}
