#include "services/verify/probe_sender.h"

#include <algorithm>

#include "lib/config/config.h"
#include "lib/mail/address.h"
#include "lib/rules/address_rewriter.h"

namespace relais::verify {

namespace {

// Digits and consonants: no words can come out.
constexpr std::string_view kDigits = "0123456789BCDFGHJKLMNPQRSTVWXYZ";

std::string in_base_31(unsigned long long number) {
    std::string text;
    do {
        text += kDigits[number % kDigits.size()];
        number /= kDigits.size();
    } while (number > 0);
    std::ranges::reverse(text);
    return text;
}

}  // namespace

std::string probe_sender(std::time_t now) {
    std::string sender = conf().address_verify_sender();
    if (sender.empty() || sender == "<>") {
        return {};
    }
    auto ttl = conf().address_verify_sender_ttl();
    if (ttl.count() > 0) {
        std::size_t at = std::min(sender.rfind('@'), sender.size());
        sender.insert(at, in_base_31(static_cast<unsigned long long>(now / ttl.count())));
    }
    return unquote_address(AddressRewriter::local().rewrite(sender));
}

}  // namespace relais::verify
