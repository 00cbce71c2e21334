// What messages of SCRAM and OAUTHBEARER begin with (RFC 5801 4): "n,a=other,".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

struct Gs2Header {
    // 'n': the client cannot bind to the channel; 'y': it thinks that the server cannot; 'p': it
    // does.
    char flag = 'n';
    std::string binding;        // 'p': the kind, "tls-exporter"
    std::string authorization;  // whom to act as; empty: nobody else
    std::size_t length = 0;     // with the comma at its end
};

[[nodiscard]] std::optional<Gs2Header> parse_gs2_header(std::string_view message);

// A name of RFC 5801 4: "=2C" is a comma and "=3D" an equals sign.  Nothing for an empty one.
[[nodiscard]] std::optional<std::string> decode_gs2_name(std::string_view text);

}  // namespace relais
