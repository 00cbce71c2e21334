// What a message's envelope says of the client that brought it, and filters are told of.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace relais::cleanup {

enum class ClientAttribute {
    kName,
    kReverseName,
    kAddress,
    kAddressType,
    kPort,
    kHelo,
    kServerAddress,
    kServerPort,
    kSaslMethod,
    kSaslUsername,
    kSaslSender,
    kCount,
};

class ClientAttributes {
  public:
    // An attribute by the name that queue files have for it; others are not kept.  Of two with one
    // name, the last one holds.
    void note(std::string_view name, std::string_view value);

    const std::optional<std::string>& of(ClientAttribute which) const {
        return values_[static_cast<std::size_t>(which)];
    }

  private:
    std::array<std::optional<std::string>, static_cast<std::size_t>(ClientAttribute::kCount)>
        values_;
};

}  // namespace relais::cleanup
