// Queue files as Postfix 3.7.11 wrote them (reference, queue-file.md sections 6 and 11), rebuilt
// record by record with every offset checked against the dump.
#pragma once

#include <string>

namespace relais::test {

// `sendmail -f a@facts.example -R hdrs -N success,delay -V ENVID1` to two recipients.
std::string plain_queue_file();

// A message after a milter changed its sender, headers, recipients and body.
std::string milter_edited_file();

}  // namespace relais::test
