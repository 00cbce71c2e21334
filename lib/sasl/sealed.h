// What is left with a server that is not trusted: sealed with a secret (AES-256-GCM, RFC 5116), so
// that nobody else reads it, makes it, or has it taken for something else.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais {

class Sealer {
  public:
    // Of any length; what makes it hard to guess is up to who made it.
    explicit Sealer(std::string_view secret);

    // `about`: what it is, which who opens it must know.
    [[nodiscard]] std::string seal(std::string_view text, std::string_view about) const;

    // Nothing where it was not sealed so, about this.
    [[nodiscard]] std::optional<std::string> open(std::string_view sealed,
                                                  std::string_view about) const;

    // A key for other uses, by its purpose: 32 bytes that do not tell the secret.
    [[nodiscard]] std::string key_for(std::string_view purpose) const;

  private:
    std::string secret_;
    std::string key_;
};

}  // namespace relais
