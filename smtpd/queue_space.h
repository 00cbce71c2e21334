// How much room the queue must have for mail to be taken.
#pragma once

namespace relais::smtpd {

// For so many messages of the largest size.
inline constexpr double kSpaceFactor = 1.5;

}  // namespace relais::smtpd
