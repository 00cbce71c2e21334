// The built-in templates: Postfix's form (the lines that programs look for), our own words.
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "bounce/templates.h"

namespace relais::bounce {

namespace {

constexpr std::string_view kOrigin = "[built-in]";

constexpr std::string_view kFailureText = R"(This is the mail system at host $myhostname.

Your message did not reach the recipients that are listed below.
The reason stands beside each of them, and a copy of what you sent
(or of its header) stands last.

The postmaster of this system can help. Please send this report
along when you write there; you may well leave out your own text.

                   The mail system
)";

constexpr std::string_view kDelayText = R"(This is the mail system at host $myhostname.

####################################################################
# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #
####################################################################

Your message has been waiting for delivery for more than $delay_warning_time_hours hour(s).
There is nothing to do: delivery will be tried again until the mail gets $maximal_queue_lifetime_days day(s) old.

The postmaster of this system can help. Please send this report
along when you write there; you may leave out your own text.

                   The mail system
)";

constexpr std::string_view kSuccessText = R"(This is the mail system at host $myhostname.

Your message has arrived at the destinations that are listed below.
For a mailbox this is the last that you will ever hear of it. Any
other system that it was handed to may still send you reports of its
own when it runs into other trouble later on.

                   The mail system
)";

constexpr std::string_view kVerifyText = R"(This is the mail system at host $myhostname.

Below follows the report on delivery that you asked for.

                   The mail system
)";

std::vector<std::string> lines_of(std::string_view text) {
    auto fields = split_fields(text, '\n');
    fields.pop_back();
    return {fields.begin(), fields.end()};
}

Template built_in(Kind kind, std::string_view subject, std::string_view postmaster_subject,
                  std::string_view text) {
    Template out;
    out.kind = kind;
    out.origin = kOrigin;
    out.charset = "us-ascii";
    bool standard = conf().header_from_format() == "standard";
    out.from =
        standard ? "Mail Delivery System <MAILER-DAEMON>" : "MAILER-DAEMON (Mail Delivery System)";
    out.subject = subject;
    out.postmaster_subject = postmaster_subject;
    out.text = lines_of(text);
    return out;
}

}  // namespace

Templates::Templates()
    : templates_{built_in(Kind::kFailure, "Undelivered Mail Returned to Sender",
                          "Postmaster Copy: Undelivered Mail", kFailureText),
                 built_in(Kind::kDelay, "Delayed Mail (still being retried)",
                          "Postmaster Warning: Delayed Mail", kDelayText),
                 built_in(Kind::kSuccess, "Successful Mail Delivery Report", "", kSuccessText),
                 built_in(Kind::kVerify, "Mail Delivery Status Report", "", kVerifyText)} {
}

}  // namespace relais::bounce
