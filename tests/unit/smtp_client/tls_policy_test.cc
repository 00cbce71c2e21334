#include "smtp/tls_policy.cc"  // NOLINT

#include "lib/event/loop.h"

#include "smtp/policy_attributes.cc"  // NOLINT
#include "smtp/server_policy.cc"      // NOLINT
#include "smtp/tls_sites.cc"          // NOLINT
#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp_client;

TEST_CASE("smtp_client/tls_policy: levels and attributes") {
    set_conf(
        Config::from_text("smtp_tls_mandatory_ciphers = high\n"
                          "smtp_tls_policy_maps = inline:{example.com=encrypt,"
                          " .example.com=none, [mx.test]:26=may}\n"
                          "smtp_tls_security_level = may\n"));
    TlsPolicies policies(conf(), "smtp");
    CHECK(policies.may_use_tls());
    auto policy =
        policies.parse("secure match=a.test:.b.test, ciphers=medium servername=hostname", "key");
    REQUIRE(policy);
    CHECK(policy->level == TlsLevel::kSecure);
    CHECK(policy->match == "a.test .b.test");
    CHECK(policy->cipher_grade == "medium");
    CHECK(policy->server_name == "hostname");
    CHECK(policies.parse("encrypt", "key")->cipher_grade == "high");
    CHECK(policies.parse("verify", "key")->match == "hostname");
    CHECK(policies.parse("fingerprint match=AA:BB|CC:DD", "key")->match == "AA:BB CC:DD");
    CHECK(policies.parse("dane-only", "key")->level == TlsLevel::kDaneOnly);
    CHECK(policies.parse("dane protocols=TLSv1.3", "key")->cipher_grade == "high");
    for (const char* bad :
         {"", "strong", "half-dane", "dane match=a.test", "verify tafile=/nowhere",
          "encrypt tafile=/nowhere", "may enable_rpk=maybe", "may match=a.test", "verify match",
          "verify colour=red", "fingerprint", "may connection_reuse=perhaps"}) {
        CAPTURE(bad);
        CHECK_FALSE(policies.parse(bad, "key"));
    }
    auto level = [&](const std::string& nexthop) {
        return Loop::current().run_task(policies.find(nexthop))->level;
    };
    CHECK(level("example.com") == TlsLevel::kEncrypt);
    CHECK(level("a.b.example.com") == TlsLevel::kNone);
    CHECK(level("[mx.test]:26") == TlsLevel::kMay);
    CHECK(level("[example.com]") == TlsLevel::kMay);
    CHECK(level("other.test") == TlsLevel::kMay);
}

// What postfix-tlspol answers for a domain with MTA-STS, with "tlsrpt: true".
constexpr const char* kPublished =
    "secure match=example:.example servername=hostname policy_type=sts policy_domain=example "
    "policy_ttl=123 mx_host_pattern=example mx_host_pattern=*.example "
    "{ policy_string = version: STSv1 } { policy_string = mode: enforce }";

TEST_CASE("smtp_client/tls_policy: what MTA-STS plug-ins tell") {
    set_conf(Config::from_text(""));
    const TlsPolicies policies(conf(), "smtp");
    const auto policy = policies.parse(kPublished, "example");
    REQUIRE(policy);
    CHECK(policy->match == "hostname");  // the host is checked against the patterns
    CHECK(policy->published.type == "sts");
    CHECK(policy->published.domain == "example");
    CHECK(policy->published.ttl == 123);
    CHECK(policy->published.mx_patterns == std::vector<std::string>{"example", "*.example"});
    CHECK(policy->published.strings == std::vector<std::string>{"version: STSv1", "mode: enforce"});
    set_conf(Config::from_text("smtp_tls_enforce_sts_mx_patterns = no\n"));
    const TlsPolicies lenient(conf(), "smtp");
    CHECK(lenient.parse(kPublished, "example")->match == "example .example");
    for (const char* bad :
         {"may policy_type=dane", "may policy_ttl=-1", "may policy_ttl=x", "may policy_domain=a..b",
          "may policy_failure=bad-luck", "may { policy_string = a", "may policy_string"}) {
        CAPTURE(bad);
        CHECK_FALSE(policies.parse(bad, "key"));
    }
}

TEST_CASE("smtp_client/server_policy: hosts of an MTA-STS policy") {
    CHECK(mx_pattern_matches("example.com", "Example.com."));
    CHECK(mx_pattern_matches("*.example.com", "mail.example.com"));
    for (const char* host : {".example.com", "foo.bar.example.com", "example.com", "", "com",
                             "mailexample.com", "a..example.com"}) {
        CAPTURE(host);
        CHECK_FALSE(mx_pattern_matches("*.example.com", host));
    }
    CHECK_FALSE(mx_pattern_matches("", ""));
    CHECK_FALSE(mx_pattern_matches("*", "com"));
}

TEST_CASE("smtp_client/dane: which records are of use") {
    DnsAnswer answer;
    answer.status = DnsStatus::kFound;
    answer.authentic = true;
    for (const int usage : {0, 1, 2, 3, 4}) {
        DnsRecord record;
        record.type = DnsType::kTlsa;
        record.usage = static_cast<std::uint8_t>(usage);
        record.data = "x";
        answer.records.push_back(record);
    }
    const auto found = usable_tlsa(answer, "_25._tcp.mx.test");
    CHECK(found.outcome == TlsaSearch::Outcome::kFound);
    CHECK(found.records.size() == 2);
    answer.authentic = false;  // whoever made them
    CHECK(usable_tlsa(answer, "q").outcome == TlsaSearch::Outcome::kNone);
    answer.authentic = true;
    for (auto& record : answer.records) {
        record.data.clear();
    }
    CHECK(usable_tlsa(answer, "q").outcome == TlsaSearch::Outcome::kUnusable);
    answer.status = DnsStatus::kTemporary;
    CHECK(usable_tlsa(answer, "q").outcome == TlsaSearch::Outcome::kFailed);
    answer.status = DnsStatus::kMalformed;
    CHECK(usable_tlsa(answer, "q").outcome == TlsaSearch::Outcome::kFailed);
    answer.status = DnsStatus::kNotFound;
    CHECK(usable_tlsa(answer, "q").outcome == TlsaSearch::Outcome::kNone);
}
