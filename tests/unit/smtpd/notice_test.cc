// The sources of a program are in no archive: the test includes the unit itself.
#include "smtpd/notice.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtpd;

TEST_CASE("smtpd/notice: replies fall into classes") {
    CHECK(notice_class_of("250 2.0.0 Ok") == 0);
    CHECK(notice_class_of("500 5.5.2 Error: command not recognized") == kNoticeProtocol);
    CHECK(notice_class_of("501 Syntax: EHLO hostname") == kNoticeProtocol);
    CHECK(notice_class_of("451 4.3.5 Server configuration error") == kNoticeSoftware);
    CHECK(notice_class_of("451 4.3.0 Error: queue file write error") == kNoticeResource);
    CHECK(notice_class_of("451 4.3.0 <a@b>: Temporary lookup failure") == kNoticeData);
    CHECK(notice_class_of("454 4.7.0 TLS not available due to local problem") == kNoticeResource);
    CHECK(notice_class_of("554 5.7.1 <x>: Relay access denied") == kNoticePolicy);
    CHECK(notice_class_of("450 4.3.2 <x>: Client host rejected: Try again later") == kNoticePolicy);
}

TEST_CASE("smtpd/notice: notify_classes") {
    CHECK(parse_notice_classes("resource, software") == (kNoticeResource | kNoticeSoftware));
    CHECK(parse_notice_classes("") == 0);
    CHECK(parse_notice_classes("2bounce delay") == 0);
}

TEST_CASE("smtpd/notice: the transcript is bounded and printable") {
    Transcript transcript;
    transcript.out("250-a\r\n250 b\r\n");
    transcript.in("NOOP \x01");
    CHECK(transcript.lines() == " Out: 250-a\n Out: 250 b\n In:  NOOP ?\n");
    for (int i = 0; i < 100000; ++i) {
        transcript.in("NOOP");
    }
    CHECK(transcript.lines().size() < 10000);
}
