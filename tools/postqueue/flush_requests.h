// Requests for delivery attempts.  All end the process where the mail system does not answer.
#pragma once

#include <string>

namespace relais {

// Everything.
void flush_all();
// What waits for a destination; it must be one that the flush service keeps account of.
void flush_site(std::string site);
// One message.
void flush_message(std::string queue_id);

}  // namespace relais
