// How smtpd hands its filters to cleanup, in the middle of the records of a message: a record with
// their number, what each has agreed on, and its connection.  Both sides are Postfix's, so that
// either program can be.
#pragma once

#include <cstdint>

#include "lib/milter/filters.h"

namespace relais::milter {

// Puts the record and passes the filters that still take part; all of it is behind what the stream
// was to send before.  False (logged) where cleanup did not take them.
[[nodiscard]] Task<bool> hand_over(Stream* stream, const Filters* filters);

// The record alone: no filters, and none of cleanup's own either.
[[nodiscard]] std::string no_filters_record();

// Behind the record, which said how many.  The error is that the other side did not keep to the
// protocol.
[[nodiscard]] Task<Result<std::unique_ptr<Filters>>> take_over(Stream* stream, std::uint64_t count,
                                                               MacroSource* macros);

}  // namespace relais::milter
