// The server side of the auth protocol, users' files, variables.
#include "lib/sasl/auth_server.h"
#include "lib/sasl/user_variables.h"
#include "lib/sasl/users_file.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("sasl/server: a greeting, an exchange, a check") {
    AuthServerSession session({"PLAIN", "LOGIN"}, 3);
    std::string greeting = session.greeting();
    CHECK(greeting.starts_with(
        "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t"));
    CHECK(greeting.ends_with("\nCUID\t3\nCOOKIE\t" + session.cookie() + "\nDONE\n"));
    CHECK(session.cookie().size() == 32);
    CHECK(session.line("VERSION\t1\t0").output.empty());
    CHECK(session.line("CPID\t77").output.empty());

    auto direct =
        session.line("AUTH\t1\tPLAIN\tservice=smtp\tnologin\trip=192.0.2.1\tresp=AGJvYgBzZWNyZXQ=");
    REQUIRE(direct.check);
    CHECK(direct.check->id == 1);
    CHECK(direct.check->credentials.user == "bob");
    CHECK(direct.check->credentials.password == "secret");
    CHECK(direct.check->parameters.get("rip") == "192.0.2.1");
    CHECK(direct.check->parameters.has("nologin"));

    CHECK(session.line("AUTH\t2\tLOGIN\tservice=smtp").output == "CONT\t2\tVXNlcm5hbWU6\n");
    CHECK(session.line("CONT\t2\tYm9i").output == "CONT\t2\tUGFzc3dvcmQ6\n");
    CHECK(session.line("CONT\t2\tc2VjcmV0").check->credentials.user == "bob");
}

TEST_CASE("sasl/server: what makes no sense fails that request, or ends the connection") {
    AuthServerSession session({"PLAIN"}, 1);
    CHECK(session.line("AUTH\t1\tLOGIN\tservice=smtp").output.starts_with("FAIL\t1\treason="));
    CHECK(session.line("AUTH\t2\tPLAIN\tresp=!!!").output.starts_with("FAIL\t2\t"));
    CHECK(session.line("AUTH\t3\tPLAIN\tresp=Ym9i").output.starts_with("FAIL\t3\t"));
    CHECK(session.line("CONT\t9\tYm9i").output.starts_with("FAIL\t9\t"));
    CHECK(session.line("AUTH\t4\tPLAIN").output == "CONT\t4\t\n");
    CHECK(session.line("AUTH\t4\tPLAIN").hang_up);
    CHECK(session.line("CANCEL\t4").output.empty());
    CHECK(session.line("AUTH\tx\tPLAIN").hang_up);
    CHECK(session.line("VERSION\t2\t0").hang_up);
    CHECK_FALSE(session.line("SOMETHING\tnew").hang_up);
    CHECK(session.line("REQUEST\t5\t77\t1\tcafe").request->at(4) == "cafe");
}

TEST_CASE(
    "sasl/server: a finished login can be asked for by its connection's cookie, and not for long") {
    FinishedLogins logins;
    logins.add("cookie", 1, {"bob", {}, 0}, 1000);
    logins.add("cookie", 2, {"eve", {}, 0}, 1000);
    CHECK_FALSE(logins.find("other", 1, 1001));
    CHECK(logins.find("cookie", 1, 1001)->user == "bob");
    CHECK(logins.find("cookie", 1, 1060));
    CHECK_FALSE(logins.find("cookie", 1, 1061));
    CHECK_FALSE(logins.find("cookie", 2, 2000));
}

TEST_CASE("sasl/users: Dovecot's passwd-file") {
    UsersFile file;
    file.parse(
        "# comment\n\n"
        "bob@x.test:{PLAIN}secret:5000:5001:Bob:/home/bob:/bin/sh:userdb_mail=maildir:~/m:x "
        "allow_nets=192.0.2.0/24,::1\n"
        "alice:{SSHA}abc::::\r\n"
        "short\n"
        "out:{PLAIN}x::::::nologin\n");
    const AuthParameters* bob = file.find("bob@x.test");
    REQUIRE(bob);
    CHECK(bob->get("password") == "{PLAIN}secret");
    CHECK(bob->get("userdb_uid") == "5000");
    CHECK(bob->get("userdb_gid") == "5001");
    CHECK(bob->get("userdb_home") == "/home/bob");
    CHECK(bob->get("userdb_mail") == "maildir:~/m:x");
    CHECK(bob->get("allow_nets") == "192.0.2.0/24,::1");
    CHECK(file.find("alice")->get("password") == "{SSHA}abc");
    CHECK_FALSE(file.find("alice")->has("userdb_uid"));
    CHECK(file.find("short")->get("password").empty());
    CHECK(file.find("out")->has("nologin"));
    CHECK(file.users() == std::vector<std::string>{"alice", "bob@x.test", "out", "short"});
    CHECK_FALSE(file.find("eve"));
    CHECK_FALSE(file.refresh(-1));
}

TEST_CASE("sasl/users: networks") {
    CHECK(address_allowed("", "anything"));
    CHECK(address_allowed("192.0.2.0/24", "192.0.2.77"));
    CHECK_FALSE(address_allowed("192.0.2.0/24", "192.0.3.77"));
    CHECK(address_allowed("198.51.100.1, 2001:db8::/33", "2001:db8:7fff::1"));
    CHECK_FALSE(address_allowed("2001:db8::/33", "2001:db8:8000::1"));
    CHECK_FALSE(address_allowed("nonsense/99", "192.0.2.1"));
    CHECK_FALSE(address_allowed("192.0.2.0/24", ""));
    CHECK(address_allowed("local", ""));
    CHECK(address_allowed("192.0.2.0/24,local", ""));
    CHECK_FALSE(address_allowed("local", "192.0.2.1"));
    CHECK_FALSE(address_allowed("local", "unknown"));
}

TEST_CASE("sasl/variables: names and their parts") {
    CHECK(expand_user_variables("%Lu", "Bob@X.test") == "bob@x.test");
    CHECK(expand_user_variables("/v/%d/%n%%", "bob@x.test") == "/v/x.test/bob%");
    CHECK(expand_user_variables("%d|%h|%", "bob", "/h") == "|/h|%");
}

TEST_CASE("sasl/variables: pieces, modifiers and long names as Dovecot has them") {
    UserVariables variables("Bob@X.test", "/home/bob");
    variables.set("s", "imap");
    variables.set("service", "imap");
    CHECK(variables.expand("/m/%1n/%2.1n/%0.2Ln/%-2.2d/%3u") == "/m/B/b/bo/st/Bob");
    CHECK(variables.expand("%Un %Rn %{username}@%{domain} %L{user} %s=%{service}") ==
          "BOB boB Bob@X.test bob@x.test imap=imap");
    CHECK(variables.expand("%9.3n|%50n|%-9.2n|%0n") == "|Bob|Bo|");
    CHECK(variables.expand("%x%{nothing}.%%n", {}) == ".%n");
    CHECK(variables.unknown("%u %x %{nothing} %2.1n %%y") ==
          std::vector<std::string>{"%x", "%{nothing}"});
    CHECK(variables.expand("'%u' %%", [](std::string_view value) {
        return std::string(value.size(), '*');
    }) == "'**********' %");
    CHECK(variables.expand("a%99999999999999999999.1nb%{", {}) == "ab");
}
