// Dovecot's configuration files, as they stand.
#include "lib/config/dovecot_conf.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

DovecotSection parsed(std::string_view text) {
    auto section = parse_dovecot_conf(text, "file");
    REQUIRE(section);
    return *section;
}

std::string error_of(std::string_view text) {
    auto section = parse_dovecot_conf(text, "file");
    return section ? "" : section.error().message;
}

}  // namespace

TEST_CASE("config/dovecot: settings of a flat file") {
    auto file = parsed(
        "# comment\n"
        "driver = mysql   # behind\n"
        "connect = host=localhost password=a#b\n"
        "password_query = SELECT a \\\n"
        "   FROM b \\\n"
        "# not a comment line, but what is joined\n"
        "default_pass_scheme=MD5-CRYPT\r\n"
        "quoted = \"a # \\\"b\\\"\"\n"
        "key = </etc/key\n"
        "empty =\n"
        "query = SELECT '#' # x\n"
        "driver = pgsql\n");
    CHECK(file.get("driver") == "pgsql");
    CHECK(file.get("connect") == "host=localhost password=a#b");
    CHECK(file.get("password_query") == "SELECT a FROM b");
    CHECK(file.get("default_pass_scheme") == "MD5-CRYPT");
    CHECK(file.get("quoted") == "a # \"b\"");
    CHECK(file.find("key")->in_file);
    CHECK(file.find("key")->value == "/etc/key");
    CHECK(file.find("empty")->value.empty());
    CHECK(file.get("query") == "SELECT '#'");
    CHECK_FALSE(file.find("nothing"));
}

TEST_CASE("config/dovecot: sections") {
    auto file = parsed(
        "!include conf.d/*.conf\n"
        "passdb {\n  driver = sql\n  args = /etc/x\n}\n"
        "namespace inbox {\n  mailbox \"Junk Mail\" {\n    special_use = \\Junk\n  }\n  inbox = "
        "yes\n}\n"
        "service imap { }\n");
    REQUIRE(file.sections.size() == 3);
    CHECK(file.get("!include") == "conf.d/*.conf");
    CHECK(file.sections[0].type == "passdb");
    CHECK(file.sections[0].get("args") == "/etc/x");
    CHECK(file.sections[1].name == "inbox");
    CHECK(file.sections[1].sections[0].name == "Junk Mail");
    CHECK(file.sections[1].sections[0].get("special_use") == "\\Junk");
    CHECK(file.sections[1].get("inbox") == "yes");
    CHECK(file.sections[2].name == "imap");
}

TEST_CASE("config/dovecot: what is wrong is told with its line") {
    CHECK(error_of("a = b\nnonsense\n") ==
          "file, line 2: \"nonsense\" is neither a setting nor a section");
    CHECK(error_of("a {\nb = c\n") == "file, line 1: section a is not closed");
    CHECK(error_of("}\n") == "file, line 1: there is no section that \"}\" could close");
    std::string deep;
    for (int i = 0; i < 1000; ++i) {
        deep += "a {\n";
    }
    CHECK(error_of(deep).ends_with("sections are nested too deeply"));
}
