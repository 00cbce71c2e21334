// Properties of an open table.  The numbers travel between processes (the proxymap protocol sends
// them), so they are fixed.
#pragma once

#include <cstdint>

namespace relais {

using TableFlags = std::uint32_t;

namespace table_flag {

inline constexpr TableFlags kWarnDuplicate = 1U << 0;    // update: warn, keep the old entry
inline constexpr TableFlags kIgnoreDuplicate = 1U << 1;  // update: keep the old entry silently
inline constexpr TableFlags kTryWithoutNul = 1U << 2;    // keys may be stored without a final NUL
inline constexpr TableFlags kTryWithNul = 1U << 3;       // keys may be stored with a final NUL
inline constexpr TableFlags kFixed = 1U << 4;            // exact keys: partial keys make sense
inline constexpr TableFlags kPattern = 1U << 5;          // patterns: only whole keys make sense
inline constexpr TableFlags kLock = 1U << 6;             // lock the file around each access
inline constexpr TableFlags kReplace = 1U << 7;          // update: replace the old entry
inline constexpr TableFlags kSyncUpdate = 1U << 8;       // flush each update to disk
inline constexpr TableFlags kDebug = 1U << 9;
inline constexpr TableFlags kNoSubstitution = 1U << 11;     // no $1 in results of pattern tables
inline constexpr TableFlags kNoProxy = 1U << 12;            // pass proxymap by
inline constexpr TableFlags kNoUnauthenticated = 1U << 13;  // refuse tables anyone could answer for
inline constexpr TableFlags kFoldFixed = 1U << 14;          // fold the case of keys in fixed tables
inline constexpr TableFlags kFoldPattern = 1U << 15;        // and in tables of patterns
inline constexpr TableFlags kOpenLock = 1U << 16;           // one process at a time has it open
inline constexpr TableFlags kBulkUpdate = 1U << 17;         // many updates under one lock
inline constexpr TableFlags kMultiWriter = 1U << 18;        // the table locks by itself
inline constexpr TableFlags kUtf8Request = 1U << 19;        // the caller's keys are UTF-8 text
inline constexpr TableFlags kUtf8Active = 1U << 20;   // and smtputf8_enable is on: keys are checked
inline constexpr TableFlags kValueIsFile = 1U << 21;  // values name files: base64 of their content

// What a security-sensitive lookup refuses.
inline constexpr TableFlags kParanoid = kNoSubstitution | kNoProxy | kNoUnauthenticated;
// Belongs to the table's implementation, not to the request.
inline constexpr TableFlags kImplementation = kFixed | kPattern | kMultiWriter;
// What most daemons ask for when they look up addresses and domains.
inline constexpr TableFlags kMail = kLock | kFoldFixed | kUtf8Request;

}  // namespace table_flag

}  // namespace relais
