// The logs of the bounce service: bounce/ID, defer/ID and trace/ID hold one entry for each
// recipient of the message, with what became of it.  bounce(8) writes them and turns them into
// notifications; showq(8) reads why mail is deferred.
//
// An entry is some lines "name=value", between empty lines.  Logs of old versions have only
// "<address>: reason"; entries begin with such a line where backwards_bounce_logfile_compatibility
// asks for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/strings.h"
#include "lib/mail/dsn.h"

namespace relais {

// Addresses are in their external (quoted) form.
struct LogEntry {
    std::string address;
    std::string original;  // empty: the same as address
    std::string dsn_orig_rcpt;
    std::int64_t offset = 0;  // of the recipient's record in the queue file
    int notify = 0;           // DsnNotify bits
    DeliveryStatus status;
};

enum class OldStyleLine { kNo, kYes };

// The bytes to append.  Takes internal addresses, and quotes them.  Without `utf8` only ASCII is
// text.
[[nodiscard]] std::string format_log_entry(const LogEntry& entry, OldStyleLine old_style,
                                           Utf8 utf8 = Utf8::kYes);

class DeliveryLogReader {
  public:
    // What an entry lacks of status and action: a log in defer/ says 4.0.0 and delayed, others
    // 5.0.0 and failed.
    enum class Defaults { kDeferred, kBounced };

    // Reads from the start of `fd`, which must stay open.  Without `utf8` only ASCII is text.
    DeliveryLogReader(int fd, Defaults defaults, Utf8 utf8)
        : fd_(fd), defaults_(defaults), utf8_(utf8) {}

    // Nothing at the end.
    Result<std::optional<LogEntry>> next();

    void rewind();

  private:
    Result<std::optional<std::string_view>> next_line();
    Result<bool> read_more();
    LogEntry empty_entry() const;

    int fd_;
    Defaults defaults_;
    Utf8 utf8_;
    std::string buffer_;
    std::size_t used_ = 0;
    std::int64_t read_at_ = 0;
    bool at_end_ = false;
};

}  // namespace relais
