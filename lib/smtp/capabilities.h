// What a server offers in its answer to EHLO, as a client needs it.  RFC 5321 4.1.1.1
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais::smtp {

class Capabilities {
  public:
    // `text`: the lines of the reply with their codes, "\n" between (Reply::text).
    [[nodiscard]] static Capabilities parse(std::string_view text);

    // A text that parse() makes the same of.
    std::string text() const;

    // The host name that the server gave itself in the first line.
    const std::string& host() const { return host_; }

    bool has(std::string_view keyword) const { return arguments(keyword).has_value(); }

    // What follows the keyword: "" where nothing does.
    std::optional<std::string_view> arguments(std::string_view keyword) const;

    // SIZE: the limit; 0 where the server states none.
    std::uint64_t size_limit() const;

    // Adds a keyword that the server forgot to state.
    void add(std::string keyword) { keywords_.emplace_back(std::move(keyword), ""); }

    // Forgets a keyword (smtp_discard_ehlo_keywords).
    void discard(std::string_view keyword);

  private:
    std::string host_;
    std::vector<std::pair<std::string, std::string>> keywords_;  // in upper case
};

}  // namespace relais::smtp
