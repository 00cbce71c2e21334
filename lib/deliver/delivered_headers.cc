#include "lib/deliver/delivered_headers.h"

#include "lib/base/strings.h"
#include "lib/config/utf8_mode.h"
#include "lib/mail/address.h"
#include "lib/queue/record_reader.h"

namespace relais {

// The longest that a header of Delivered-To addresses is looked at.
static constexpr std::size_t kMaxHeaders = 1000;

Result<DeliveredHeaders> DeliveredHeaders::read(const Delivery& delivery) {
    constexpr std::string_view kName = "delivered-to:";
    DeliveredHeaders out;
    ContentReader reader(delivery.file(), delivery.request.data_offset);
    for (std::size_t lines = 0;; ++lines) {
        auto line = reader.next();
        if (!line) {
            return fail_with(line);
        }
        bool header_over = !*line || (*line)->text.empty() || lines > kMaxHeaders * 100;
        if (header_over || out.addresses_.size() >= kMaxHeaders) {
            return out;
        }
        if (istarts_with((*line)->text, kName)) {
            std::string_view address = trim((*line)->text.substr(kName.size()));
            out.addresses_.insert(fold_text(unquote_address(address)));
        }
    }
}

bool DeliveredHeaders::contains(std::string_view address) const {
    return addresses_.contains(fold_text(address));
}

}  // namespace relais
