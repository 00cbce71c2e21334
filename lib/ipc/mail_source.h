// Where mail enters the system, as smtputf8_autodetect_classes names it.
#pragma once

namespace relais {

enum class MailSource { kSendmail, kSmtpd, kQmqpd, kForward, kBounce, kNotify, kVerify };

// kCleanupAutoUtf8 where cleanup shall find out by itself whether mail of that source needs
// SMTPUTF8; else 0.
[[nodiscard]] unsigned utf8_detection(MailSource source);

}  // namespace relais
