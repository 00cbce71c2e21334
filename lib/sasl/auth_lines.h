// Lines of the Dovecot authentication protocol, which smtpd and imap-login speak to the auth
// service: a command word and fields, separated by tabs, in which tab, line ends, NUL and byte 1
// are escaped.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais {

// A line is refused when it is longer (Dovecot's own limit for requests).
inline constexpr std::size_t kMaxAuthLine = 16384;

// Ours, in FAIL: why, for the log and never for the client.  Dovecot's clients ignore it.
inline constexpr std::string_view kAuthLogReason = "log_reason";

// Ours, in AUTH: what SCRAM's -PLUS mechanisms bind to, in base64.
inline constexpr std::string_view kAuthTlsExporter = "tls_exporter";
inline constexpr std::string_view kAuthTlsServerEndPoint = "tls_server_end_point";

// Ours, in AUTH beside nologin: users whose mail is elsewhere are handed through to where it is.
inline constexpr std::string_view kAuthPassesOn = "passes_on";

[[nodiscard]] std::string auth_escape(std::string_view text);
[[nodiscard]] std::string auth_unescape(std::string_view text);

// The fields of a line, unescaped.  "a\t\tb" has an empty field in the middle.
[[nodiscard]] std::vector<std::string> parse_auth_line(std::string_view line);

// Collects a line.
class AuthLine {
  public:
    explicit AuthLine(std::string_view command) : text_(command) {}

    AuthLine& field(std::string_view text);
    AuthLine& field(std::string_view name, std::string_view value);

    // With its newline.
    std::string finish() const { return text_ + "\n"; }

  private:
    std::string text_;
};

// "name=value" parameters, in order; a bare word has an empty value.
class AuthParameters {
  public:
    AuthParameters() = default;
    AuthParameters(const std::vector<std::string>& fields, std::size_t first);

    bool has(std::string_view name) const;
    // Empty when absent.
    std::string_view get(std::string_view name) const;
    void set(std::string_view name, std::string_view value);

    const std::vector<std::pair<std::string, std::string>>& all() const { return values_; }

  private:
    std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace relais
