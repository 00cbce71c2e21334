// master.cf: fields, arguments, and the words of its errors.
#include "lib/config/master_cf.h"

#include "lib/config/main_cf.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

Result<std::vector<MasterService>> parse(std::string_view text) {
    return parse_master_cf(text, {.chroot = true, .process_limit = 100}, "/etc/postfix/master.cf");
}

std::string error_of(std::string_view text) {
    auto result = parse(text);
    return result ? "no error" : result.error().message;
}

}  // namespace

TEST_CASE("config/master_cf: fields, defaults and arguments") {
    auto services = parse(
        "# comment\n"
        "smtp inet n - y - - smtpd\n"
        "  -o smtpd_x=a,b\n"
        "# inside\n"
        "  -o { smtpd_y = c d }\n"
        "\n"
        "qmgr\tunix n - n 300? 1 qmgr -v\n"
        "postlog unix-dgram n - - - 0 postlogd\n");
    REQUIRE(services);
    REQUIRE(services->size() == 3);
    const auto& smtp = services->at(0);
    CHECK(smtp.name == "smtp");
    CHECK(smtp.type == ServiceType::kInet);
    CHECK_FALSE(smtp.is_private);
    CHECK(smtp.is_unprivileged);
    CHECK(smtp.is_chroot);
    CHECK_FALSE(smtp.chroot_is_default);
    CHECK(smtp.process_limit == 100);
    CHECK(smtp.line == 2);
    CHECK(smtp.arguments == std::vector<std::string>{"-o", "smtpd_x=a,b", "-o", "smtpd_y = c d"});
    CHECK(parameter_settings(smtp.arguments) ==
          std::vector<std::string>{"smtpd_x=a,b", "smtpd_y = c d"});
    const auto& qmgr = services->at(1);
    CHECK(qmgr.wakeup == 300);
    CHECK(qmgr.wakeup_if_used);
    CHECK(qmgr.process_limit == 1);
    CHECK_FALSE(qmgr.is_chroot);
    CHECK(services->at(2).chroot_is_default);
    CHECK(services->at(2).is_chroot);
    CHECK(services->at(2).type == ServiceType::kUnixDgram);
}

TEST_CASE("config/master_cf: of two equal services the last counts") {
    auto services = parse("a unix - - - - - x\na inet n - - - - y\na unix - - - - - z\n");
    REQUIRE(services);
    REQUIRE(services->size() == 2);
    CHECK(services->at(0).command == "z");
}

TEST_CASE("config/master_cf: errors name the line and the field") {
    const std::string at = "/etc/postfix/master.cf: line 2: ";
    CHECK(error_of("\na unix - - - - - x {b\n").starts_with(at + "missing '}' in "));
    CHECK(error_of("\na unix q - - - - x\n") == at + "field \"private\": bad value: \"q\"");
    CHECK(error_of("\na unix - - Y - - x\n") == at + "field \"chroot\": bad value: \"Y\"");
    CHECK(error_of("\na unix - - - x - x\n") == at + "field \"wakeup_time\": bad value: \"x\"");
    CHECK(error_of("\na unix - - - - -1 x\n") == at + "field \"max_proc\": bad value: \"-1\"");
    CHECK(error_of("\na unix - - - -\n") == at + "missing \"max_proc\" field");
    CHECK(error_of("\na inet - - - - - x\n") == at + "inet service cannot be private");
    CHECK(error_of("\na unix - - - - - -\n") == at + "field \"command\" has no default value");
}

TEST_CASE("config/main_cf: entries, lines and errors") {
    auto entries = parse_main_cf("# c\na = 1\n\nb =\n  x\n# c\n  y \nc=d=e\n", "main.cf");
    REQUIRE(entries);
    REQUIRE(entries->size() == 3);
    CHECK(entries->at(0).value == "1");
    CHECK(entries->at(1).value == "x  y");
    CHECK(entries->at(1).line == 4);
    CHECK(entries->at(2).value == "d=e");
    CHECK(entries->at(2).line == 8);
    CHECK(parse_main_cf("\na\n", "main.cf").error().message ==
          "main.cf, line 2: missing '=' after attribute name: \"a\"");
    CHECK(parse_main_cf("= b\n", "main.cf").error().message ==
          "main.cf, line 1: missing attribute name: \"= b\"");
}
