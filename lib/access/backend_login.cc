#include "lib/access/backend_login.h"

#include <algorithm>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sasl/bearer_client.h"

namespace relais {

namespace {

constexpr std::size_t kLongestLine = 8192;
constexpr int kMostLines = 100;

}  // namespace

Task<Result<std::string>> BackendLines::next() {
    for (;;) {
        std::string_view input = stream_.buffered();
        auto end = input.find('\n');
        if (std::min(end, input.size()) > kLongestLine || count_ >= kMostLines) {
            co_return fail(Errc::kTooLarge, "the server says too much");
        }
        if (end != std::string_view::npos) {
            ++count_;
            std::string line(trim_right(input.substr(0, end), "\r"));
            stream_.consume(end + 1);
            co_return line;
        }
        bool more = co_await stream_.fill();
        if (!more) {
            co_return fail(Errc::kClosed, "the server hung up");
        }
    }
}

Result<BackendProof> backend_proof(const ProxyTarget& target) {
    BackendProof proof{target.mechanism.empty() ? "PLAIN" : target.mechanism, "", ""};
    const std::string& who = target.master.empty() ? target.user : target.master;
    if (proof.mechanism == "EXTERNAL") {
        proof.response = base64_encode(target.user);
        return proof;
    }
    if (target.password.empty()) {
        return fail(Errc::kSyntax, "there is no password for it");
    }
    if (proof.mechanism == "PLAIN") {
        bool broken = target.password.contains('\0') || target.user.contains('\0');
        std::string response = target.master.empty() ? "" : target.user;
        response += '\0' + who + '\0' + target.password;
        proof.response = broken ? "" : base64_encode(response);
    } else if (is_bearer_mechanism(proof.mechanism)) {
        auto response = bearer_response(proof.mechanism, target.user, target.password, target.host);
        proof.response = response ? base64_encode(*response) : "";
        proof.end = base64_encode(bearer_end(proof.mechanism));
    } else {
        return fail(Errc::kSyntax,
                    format("proxy_mech = {} is not known", printable(target.mechanism)));
    }
    if (proof.response.empty()) {
        return fail(Errc::kSyntax, "name or password cannot be sent");
    }
    return proof;
}

bool sends_password_alone(const ProxyTarget& target) {
    auto is_plain = [](const std::string& text) {
        return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    };
    return target.master.empty() && target.mechanism.empty() && !target.password.empty() &&
           is_plain(target.user) && is_plain(target.password);
}

}  // namespace relais
