// Delivery outcomes as values.  DsnCode is the enhanced status code of RFC 3463; DeliveryStatus
// says what became of one recipient and is the "DSN group" that bounce, queue manager and delivery
// agents hand to each other.  Also the DSN parameters of SMTP (RFC 3461).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// class.subject.detail, e.g. 5.1.1
class DsnCode {
  public:
    DsnCode() = default;

    constexpr DsnCode(int klass, int subject, int detail)
        : klass_(klass), subject_(subject), detail_(detail) {}

    // The whole text must be a code: class 2, 4 or 5; subject and detail 1 to 3 digits.
    static std::optional<DsnCode> parse(std::string_view text);

    // The code at the start of `text`, followed by a blank or the end.
    static std::optional<DsnCode> parse_prefix(std::string_view text);

    int klass() const { return klass_; }

    int subject() const { return subject_; }

    int detail() const { return detail_; }

    bool success() const { return klass_ == 2; }

    bool transient() const { return klass_ == 4; }

    bool permanent() const { return klass_ == 5; }

    // The same subject and detail with another class: what soft_bounce makes of 5.1.1 is 4.1.1.
    DsnCode with_class(int klass) const { return {klass, subject_, detail_}; }

    std::string to_string() const;
    friend bool operator==(const DsnCode&, const DsnCode&) = default;

  private:
    int klass_ = 0;
    int subject_ = 0;
    int detail_ = 0;
};

// A code and the text after it.  "5.1.1 no such user" gives {5.1.1, "no such user"}; without a
// code at the start it is the default and all of the text.
struct DsnText {
    DsnCode code;
    std::string text;
};

[[nodiscard]] DsnText split_dsn(std::string_view text, DsnCode default_code);

// What became of a recipient.  Fields that do not apply are empty.
struct DeliveryStatus {
    std::string status;  // "5.1.1"
    std::string action;  // failed delayed delivered relayed expanded deliverable undeliverable
    std::string reason;  // for people
    std::string diag_type, diag_text;  // Diagnostic-Code: "smtp", "550 5.1.1 unknown"
    std::string mta_type, mta_mname;   // Remote-MTA: "dns", "mx.example.com"

    static DeliveryStatus of(DsnCode code, std::string reason);

    // A status field that is no valid code counts as 4.0.0.
    DsnCode code() const;

    bool empty() const { return status.empty() && reason.empty(); }
};

// NOTIFY= of RCPT TO (RFC 3461 4.1), as bits of the queue file's notify_flags.
enum DsnNotify : int {
    kNotifyNone = 0,
    kNotifyNever = 1,
    kNotifySuccess = 2,
    kNotifyFailure = 4,
    kNotifyDelay = 8,
    kNotifyAll = 15,
};

// Nothing for an unknown word, an empty list, or NEVER beside another.
[[nodiscard]] std::optional<int> parse_notify(std::string_view text);
[[nodiscard]] std::string format_notify(int flags);
// True for a set of bits that parse_notify can give, or 0.
[[nodiscard]] bool valid_notify(int flags);

// RET= of MAIL FROM (RFC 3461 4.3), as the queue file's ret_flags.
enum class DsnRet : int { kNone = 0, kFull = 1, kHeaders = 2 };
[[nodiscard]] std::optional<DsnRet> parse_ret(std::string_view text);
[[nodiscard]] std::string_view format_ret(DsnRet ret);

// xtext (RFC 3461 section 4) and unitext (RFC 6533 section 3).  Decoding gives nothing for a "+"
// that two upper-case hexadecimal digits do not follow.
[[nodiscard]] std::string xtext_encode(std::string_view text, std::string_view also_encode = "");
[[nodiscard]] std::optional<std::string> xtext_decode(std::string_view text);
[[nodiscard]] std::optional<std::string> unitext_decode(std::string_view text);

// ORCPT=type;encoded (RFC 3461 4.2) to the form that queue files keep: "rfc822;a b@example.com"
// (decoded).  Nothing where the type or the encoding is malformed.
[[nodiscard]] std::optional<std::string> parse_orcpt(std::string_view text);

}  // namespace relais
