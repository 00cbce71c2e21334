#include "lib/sasl/bearer_client.h"

#include <algorithm>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kOauthbearer = "OAUTHBEARER";
constexpr std::string_view kXoauth2 = "XOAUTH2";

// RFC 5801 4: the reverse of decode_gs2_name().
std::string gs2_name(std::string_view name) {
    std::string out;
    for (char c : name) {
        out += c == ',' ? "=2C" : c == '=' ? "=3D" : std::string(1, c);
    }
    return out;
}

}  // namespace

bool is_bearer_mechanism(std::string_view name) {
    return iequals(name, kOauthbearer) || iequals(name, kXoauth2);
}

std::optional<std::string> bearer_response(std::string_view mechanism, std::string_view user,
                                           std::string_view token, std::string_view host) {
    auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    if (user.empty() || token.empty() || std::ranges::any_of(user, is_control) ||
        std::ranges::any_of(token, is_control)) {
        return std::nullopt;
    }
    if (iequals(mechanism, kXoauth2)) {
        return format("user={}\1auth=Bearer {}\1\1", user, token);
    }
    return format("n,a={},\1host={}\1auth=Bearer {}\1\1", gs2_name(user), host, token);
}

std::string bearer_end(std::string_view mechanism) {
    return iequals(mechanism, kXoauth2) ? "" : "\1";
}

}  // namespace relais
