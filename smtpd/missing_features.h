// What main.cf can ask of smtpd and this release has not, where going on without it would let mail
// pass that a filter should have seen.  All other settings without effect are master's to report
// (lib/config/without_effect.h).
#pragma once

namespace relais::smtpd {

// Ends the process when one of them is set.
void refuse_missing_features();

}  // namespace relais::smtpd
