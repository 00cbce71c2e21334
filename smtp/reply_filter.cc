#include "smtp/reply_filter.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/maps/shared_tables.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

ReplyLineFilter::ReplyLineFilter(const Config& config, const std::string& prefix)
    : reference_(config.text_value(prefix + "_reply_filter")) {
    if (!reference_.empty()) {
        table_ = shared_table(reference_, table_flag::kMail);
    }
}

Task<std::string> ReplyLineFilter::apply(std::string line, const std::string* server,
                                         const std::string* queue_id) const {
    const Lookup found = co_await table_->lookup(line);
    if (found.is_error()) {
        log_warning("{}: table {} lookup error for {}", *queue_id, reference_, printable(line));
        throw TableFailure(reference_);
    }
    if (!found.is_found()) {
        co_return std::move(line);
    }
    log_info("{}: replacing server reply \"{}\" with \"{}\"", *server, printable(line),
             printable(found.value()));
    co_return found.value();
}

}  // namespace relais::smtp_client
