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
    const UserEntry* bob = file.find("bob@x.test");
    REQUIRE(bob);
    CHECK(bob->password == "{PLAIN}secret");
    CHECK(bob->uid == "5000");
    CHECK(bob->gid == "5001");
    CHECK(bob->home == "/home/bob");
    CHECK(bob->mail == "maildir:~/m:x");
    CHECK(bob->allow_nets == "192.0.2.0/24,::1");
    CHECK(file.find("alice")->password == "{SSHA}abc");
    CHECK(file.find("alice")->uid.empty());
    CHECK(file.find("short")->password.empty());
    CHECK(file.find("out")->no_login);
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
}

TEST_CASE("sasl/variables: names and their parts") {
    CHECK(expand_user_variables("%Lu", "Bob@X.test") == "bob@x.test");
    CHECK(expand_user_variables("/v/%d/%n%%", "bob@x.test") == "/v/x.test/bob%");
    CHECK(expand_user_variables("%d|%h|%", "bob", "/h") == "|/h|%");
}
