// Reading main.cf: values, defaults, bounds and the parameters that exist once for each transport.
#include "lib/config/config.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace std::chrono_literals;

TEST_CASE("config/config: defaults come from the table") {
    auto config = Config::from_text("");
    CHECK(config.queue_run_delay() == 300s);
    CHECK(config.maximal_queue_lifetime() == 5 * 24h);
    CHECK(config.line_length_limit() == 2048);
    CHECK(config.mailbox_size_limit() == 51200000L);
    CHECK_FALSE(config.soft_bounce());
    CHECK(config._2bounce_notice_recipient() == "postmaster");
    CHECK(config.smtpd_banner().ends_with(" ESMTP Postfix"));
    CHECK(config.daemon_directory() == "/usr/lib/postfix/sbin");
    CHECK(config.mail_version() == "3.11.6-relais-0.1.0");
    CHECK(config.smtpd_hard_error_limit() == 20);
    CHECK(config.smtpd_timeout() == 300s);
}

TEST_CASE("config/config: settings win, are expanded, and the last one counts") {
    auto config = Config::from_text(
        "mydomain = example.org\n"
        "myhostname = mail.$mydomain\n"
        "myorigin = ${mydomain}\n"
        "soft_bounce = YES\n"
        "queue_run_delay = 5m\n"
        "stress = yes\n"
        "forward_path = $home/.forward\n"
        "maximal_queue_lifetime = 2\n");
    CHECK(config.myhostname() == "mail.example.org");
    CHECK(config.myorigin() == "example.org");
    CHECK(config.mydestination() == "mail.example.org, localhost.example.org, localhost");
    CHECK(config.soft_bounce());
    CHECK(config.queue_run_delay() == 300s);
    CHECK(config.maximal_queue_lifetime() == 48h);
    CHECK(config.smtpd_timeout() == 10s);
    CHECK(config.smtpd_hard_error_limit() == 1);
    CHECK(config.forward_path() == "$home/.forward");
}

TEST_CASE("config/config: compatibility_level moves defaults") {
    CHECK(Config::from_text("").append_dot_mydomain());
    CHECK(Config::from_text("").mynetworks_style() == "subnet");
    auto config = Config::from_text("compatibility_level = 3.6");
    CHECK_FALSE(config.append_dot_mydomain());
    CHECK(config.mynetworks_style() == "host");
    CHECK(config.smtpd_tls_fingerprint_digest() == "sha256");
    CHECK(config.smtp_tls_security_level().empty());
    CHECK(config.level_below("3.11"));
    CHECK_FALSE(config.level_below("3.6"));
    CHECK(Config::from_text("compatibility_level=3.11").smtp_tls_security_level() == "may");
}

TEST_CASE("config/config: -o settings go over the file") {
    auto config = Config::from_text("smtpd_banner = a\nsoft_bounce = no\n");
    CHECK(config.smtpd_banner() == "a");
    REQUIRE(config.set_option("smtpd_banner=b$mail_name"));
    REQUIRE(config.set_option("{ soft_bounce = yes }"));
    CHECK(config.smtpd_banner() == "bPostfix");
    CHECK(config.soft_bounce());
    CHECK_FALSE(config.set_option("soft_bounce"));
}

TEST_CASE("config/config: transport parameters fall back to the default ones") {
    auto config = Config::from_text(
        "default_destination_concurrency_limit = 7\n"
        "relay_destination_concurrency_limit = 3\n"
        "policy_time_limit = 1h\n"
        "relay_destination_rate_delay = 2s\n");
    CHECK(config.transport_int("smtp", "_destination_concurrency_limit") == 7);
    CHECK(config.transport_int("relay", "_destination_concurrency_limit") == 3);
    CHECK(config.transport_int("local", "_destination_concurrency_limit") == 2);
    CHECK(config.transport_int("smtp", "_initial_destination_concurrency") == 5);
    CHECK(config.transport_time("policy", "_time_limit") == 1h);
    CHECK(config.transport_time("x", "_time_limit") == 1000s);
    CHECK(config.transport_time("relay", "_destination_rate_delay") == 2s);
    CHECK(config.transport_text("smtp", "_destination_concurrency_positive_feedback") == "1");
}

TEST_CASE("config/config: check names the file, the line and the parameter") {
    struct Bad {
        const char* text;
        const char* message;
    };

    const Bad cases[] = {
        {"soft_bounce = maybe",
         "main.cf, line 1: soft_bounce: bad boolean configuration: "
         "soft_bounce = maybe"},
        {"\nsoft_bounce =",
         "main.cf, line 2: soft_bounce: bad boolean configuration: "
         "soft_bounce = "},
        {"hopcount_limit = 12x",
         "main.cf, line 1: hopcount_limit: bad numerical configuration: "
         "hopcount_limit = 12x"},
        {"hopcount_limit = 0",
         "main.cf, line 1: hopcount_limit: invalid hopcount_limit parameter "
         "value 0 < 1"},
        {"in_flow_delay = 11",
         "main.cf, line 1: in_flow_delay: invalid in_flow_delay: 11 (max 10)"},
        {"queue_run_delay = 5 m",
         "main.cf, line 1: queue_run_delay: parameter queue_run_delay: "
         "bad time value or unit: 5 m"},
        {"mail_owner =", "main.cf, line 1: mail_owner: bad string length 0 < 1: mail_owner = "},
    };
    for (const auto& bad : cases) {
        INFO(bad.text);
        auto problems = Config::from_text(bad.text).check();
        REQUIRE(problems.size() == 1);
        CHECK(problems.front() == bad.message);
    }
}

TEST_CASE("config/config: names that need each other end in an error, not in a crash") {
    auto problems = Config::from_text("myhostname = $mydomain\n").check();
    REQUIRE(problems.size() == 1);
    CHECK(problems.front().starts_with("main.cf, line 1: myhostname: "));
    CHECK_FALSE(Config::from_text("a = $b\nb = $a\n").check().empty());
}

TEST_CASE("config/config: every default can be read") {
    auto config = Config::from_text("");
    for (std::size_t i = 0; i < parameter_count(); ++i) {
        auto info = parameter_at(i);
        INFO(info.name);
        CHECK(find_parameter(info.name) == i);
        CHECK(config.find(info.name).has_value());
    }
    CHECK_FALSE(config.find("no_such_parameter").has_value());
    CHECK_FALSE(find_parameter("").has_value());
}

TEST_CASE("config/config: user-defined names are found and expanded") {
    auto config = Config::from_text("cls = check_x $tab\ntab = hash:/x\n");
    CHECK(config.find("cls") == "check_x hash:/x");
    CHECK(config.expand_or_die("${cls?yes}${nothing:no}") == "yesno");
}

TEST_CASE("config/config: host names that are made of each other end") {
    auto config = Config::from_text("myhostname = mail.$mydomain\n");
    CHECK(config.myhostname() == "mail.");
    CHECK(config.check().empty());
    auto both =
        Config::from_text("myhostname = a.$mydestination$mydestination\nrelayhost = $mynetworks\n");
    REQUIRE(both.check().size() == 1);
    CHECK(both.check().front().starts_with(
        "main.cf, line 1: myhostname: unreasonable macro call nesting"));
}

TEST_CASE("config/config: check() tells what is wrong with what others are made of") {
    auto config = Config::from_text("inet_protocols = foo\nrelayhost = x$mynetworks\n");
    REQUIRE(config.check().size() == 1);
    CHECK(config.check().front() ==
          "main.cf, line 1: inet_protocols: unknown inet_protocols value \"foo\" in \"foo\"");
}
