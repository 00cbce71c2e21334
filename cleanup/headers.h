// The headers of the message: addresses in them rewritten, unwanted ones dropped, missing ones
// added. RFC 5322 3.6
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/mail/header.h"

#include "cleanup/message.h"
#include "cleanup/service.h"

namespace relais::cleanup {

class Headers {
  public:
    Headers(Service& service, Message& message) : service_(service), message_(message) {}

    // True if take() would have to look at addresses, which may wait.
    bool holds_addresses(const HeaderInfo* info) const;

    // A header without addresses to rewrite; its lines are joined with "\n".
    void take(const HeaderInfo* info, std::string_view text);
    // One with addresses.
    [[nodiscard]] Task<void> take_addresses(const HeaderInfo* info, std::string text);

    // RFC 6532: a header that is not ASCII, in any part.
    void note_utf8(std::string_view text);

    // Adds what is missing, after the last header.
    void finish();

    // Received: headers seen, those of this hop included.
    int hops() const { return hops_; }

    // Lines of a header in any part of the message.
    void put_lines(std::string_view text);

  private:
    void note(const HeaderInfo& info, std::string_view text);
    void note_tls(const HeaderInfo& info, std::string_view text);
    bool propagates_require_tls() const;
    bool rewriting() const;

    bool seen(HeaderId id) const { return (seen_ >> static_cast<unsigned>(id) & 1U) != 0; }

    [[nodiscard]] Task<std::optional<std::string>> rewritten(AddressClass where,
                                                             std::string address);
    void add_missing();
    std::string generated_from() const;

    Service& service_;
    Message& message_;
    std::uint64_t seen_ = 0;  // by HeaderId
    bool resent_ = false;
    int hops_ = 0;
};

}  // namespace relais::cleanup
