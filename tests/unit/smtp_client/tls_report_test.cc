#include "smtp/tls_report.cc"  // NOLINT

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp_client;

// The form is that of libtlsrpt's datagrams; the numbers are those of its tlsrpt.h.
TEST_CASE("smtp_client/tls_report: what a collector gets") {
    const ReportTarget target{"example.com", "v=TLSRPTv1; rua=mailto:a@example.com"};
    TlsReport report;
    CHECK(report_text(target, report) ==
          R"({"dpv":"1","d":"example.com","pr":"v=TLSRPTv1; rua=mailto:a@example.com",)"
          R"("policies":[{"policy-type":9,"policy-domain":"example.com","t":0,"f":0}]})");
    report.policy.published.type = "sts";
    report.policy.published.domain = "example.org";
    report.policy.published.strings = {"version: STSv1", "mode: \"enforce\""};
    report.policy.published.mx_patterns = {"*.example.org"};
    report.server_name = "mx.example.com";
    report.failure = TlsFailure{TlsResult::kStsWebpkiInvalid, "a\\b\r\n\x01\xff"};
    CHECK(report_text(target, report) ==
          R"({"dpv":"1","d":"example.com","pr":"v=TLSRPTv1; rua=mailto:a@example.com",)"
          R"("policies":[{"policy-type":2,"policy-domain":"example.org",)"
          R"("policy-string":["version: STSv1","mode: \"enforce\""],"mx-host":["*.example.org"],)"
          R"("failure-details":[{"c":303,"n":"mx.example.com","f":"a\\b????"}],"t":1,"f":1}]})");
    report.failure->reason = std::string(100'000, 'x');
    CHECK(report_text(target, report).size() < 2000);
}

TEST_CASE("smtp_client/tls_report: what a plug-in found wrong with a policy goes first") {
    PublishedPolicy policy;
    CHECK(forced_result(policy, TlsResult::kExpired) == TlsResult::kExpired);
    policy.failure = "sts-policy-fetch-error";
    CHECK(forced_result(policy, TlsResult::kExpired) == TlsResult::kStsFetchError);
}
