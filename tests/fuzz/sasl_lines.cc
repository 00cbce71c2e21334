// What auth servers, their clients and SASL peers send: lines and their escapes, mechanisms, the
// server's side of a conversation, responses of PLAIN and LOGIN.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/base64.h"
#include "lib/base/strings.h"
#include "lib/sasl/auth_lines.h"
#include "lib/sasl/auth_mechanism.h"
#include "lib/sasl/mechanism.h"

using namespace relais;

namespace {

void must(bool good) {
    if (!good) {
        std::abort();
    }
}

std::string without_end(std::string line) {
    line.pop_back();
    return line;
}

void read_line(std::string_view line) {
    const auto fields = parse_auth_line(line);
    must(!fields.empty());
    AuthLine again(auth_escape(fields[0]));
    for (std::size_t i = 1; i < fields.size(); ++i) {
        again.field(fields[i]);
    }
    const std::string text = again.finish();
    must(text.find('\n') == text.size() - 1);
    must(parse_auth_line(without_end(text)) == fields);

    const AuthParameters parameters(fields, 1);
    for (const auto& [name, value] : parameters.all()) {
        must(parameters.has(name));
    }
    const auto mechanism = AuthMechanism::parse(fields);
    const auto same = AuthMechanism::parse(parse_auth_line(without_end(mechanism.line())));
    must(same.line() == mechanism.line());
    if (auto options = SaslSecurity::parse(line)) {
        must(SaslSecurity::from_bits(options->bits()).allows(mechanism) ==
             options->allows(mechanism));
    }
}

void answer(std::string_view mechanism, std::string_view line) {
    auto steps = SaslMechanism::make(mechanism);
    for (const std::string_view field : split_fields(line, '\t')) {
        const auto decoded = base64_decode(field);
        const std::string response = decoded ? *decoded : std::string(field);
        const auto step = steps->step(response);
        if (step.kind != SaslStep::Kind::kChallenge) {
            must(step.kind == SaslStep::Kind::kMalformed || !step.credentials.user.empty());
            return;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const std::string_view line : split_fields(text, '\n')) {
        read_line(line);
        answer("PLAIN", line);
        answer("LOGIN", line);
    }
    return 0;
}
