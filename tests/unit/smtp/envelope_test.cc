#include "lib/smtp/envelope_command.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtp;

namespace {

OrReply<MailParameters> mail(std::string_view parameters) {
    const auto line = "MAIL FROM:<a@b> " + std::string(parameters);
    Extensions all;
    all.verp = "-=+";
    return parse_mail_parameters(parse_command_line(line), all);
}

OrReply<RcptParameters> rcpt(std::string_view parameters) {
    const auto line = "RCPT TO:<a@b> " + std::string(parameters);
    return parse_rcpt_parameters(parse_command_line(line), {});
}

std::optional<std::string> lenient(std::string_view path) {
    return parse_path(path, PathSyntax::kLenient, EmptyPath::kAllowed);
}

std::optional<std::string> strict(std::string_view path) {
    return parse_path(path, PathSyntax::kStrict, EmptyPath::kAllowed);
}

}  // namespace

TEST_CASE("smtp/command_line: words") {
    const auto command = parse_command_line("  MAIL  FROM: <\"a b\"@c> SIZE=1\t");
    CHECK(command.verb == "MAIL");
    REQUIRE(command.arguments.size() == 3);
    CHECK(command.arguments[0].text == "FROM:");
    CHECK(command.arguments[1].text == "<\"a b\"@c>");
    CHECK(command.arguments[2].text == "SIZE=1");
    CHECK(parse_command_line("RCPT TO:<a>").arguments.size() == 2);
    CHECK(parse_command_line("MAIL FROM:<a").arguments[1].malformed);
    CHECK_FALSE(parse_command_line("MAIL FROM:<a@[IPv6:::1]>").arguments[1].malformed);
    CHECK(parse_command_line("").verb.empty());
    CHECK(parse_command_line("MAIL FROM:<a> ENVID=x:y").arguments[2].text == "ENVID=x:y");
}

TEST_CASE("smtp/envelope: paths") {
    CHECK(lenient("<a@b>") == "a@b");
    CHECK(lenient("a@b") == "a@b");
    CHECK(lenient("<>") == "");
    CHECK(lenient("<\"a b\"@c>") == "a b@c");
    CHECK(lenient("<@r1,@r2:a@b>") == "a@b");
    CHECK(lenient("<a\\ b@c>") == "a b@c");
    CHECK(strict("<@r1:a@b>") == "a@b");  // as Postfix 3.7
    CHECK_FALSE(strict("<@b>"));
    CHECK(lenient("<a@[1.2.3.4]>") == "a@[1.2.3.4]");
    CHECK_FALSE(lenient("<a b@x>"));
    CHECK_FALSE(lenient("<<a>@x>"));
    CHECK(lenient("<<a@x>>") == "a@x");
    CHECK_FALSE(parse_path("<>", PathSyntax::kLenient, EmptyPath::kRefused));
    CHECK_FALSE(strict("a@b"));
    CHECK_FALSE(strict("Joe<a@b>"));
    CHECK(strict("<a@b>") == "a@b");
    CHECK(strict("<>") == "");
}

// From transcripts of Postfix 3.7.11.
TEST_CASE("smtp/envelope: AUTH= twice") {
    CHECK(mail("AUTH=<> AUTH=a")->auth == "a");
    CHECK(mail("AUTH=a AUTH=<>").error() == "503 5.5.4 Error: multiple AUTH= options");
}

TEST_CASE("smtp/envelope: MAIL parameters") {
    const auto all = mail("SIZE=100 BODY=8BITMIME RET=hdrs ENVID=a+20b AUTH=<> SMTPUTF8 XVERP=+=");
    REQUIRE(all);
    CHECK(all->size == 100);
    CHECK(all->body == BodyType::k8bit);
    CHECK(all->ret == DsnRet::kHeaders);
    CHECK(all->envelope_id == "a b");
    CHECK(all->auth == "<>");
    CHECK(all->smtputf8);
    CHECK(all->verp == "+=");
    // From transcripts of Postfix 3.7.11.
    CHECK(mail("SIZE=abc").error() == "501 5.5.4 Bad message size syntax");
    CHECK(mail("SIZE=999999999999999999999").error() ==
          "552 5.3.4 Message size exceeds file system imposed limit");
    CHECK(mail("BODY=FOO").error() == "555 5.5.4 Unsupported option: BODY=FOO");
    CHECK(mail("FOO=1").error() == "555 5.5.4 Unsupported option: FOO=1");
    CHECK(mail("RET=FOO").error() == "501 5.5.4 Bad RET parameter syntax");
    CHECK(mail("RET=FULL RET=HDRS").error() == "501 5.5.4 Bad RET parameter syntax");
    CHECK(mail("ENVID=a+zz").error() == "501 5.5.4 Bad ENVID parameter syntax");
    CHECK(mail("ENVID=").error() == "501 5.5.4 Bad ENVID parameter syntax");
    CHECK(mail("XVERP=ab").error() == "501 5.5.4 Error: XVERP needs two characters from -=+");
}

TEST_CASE("smtp/envelope: RCPT parameters") {
    const auto all = rcpt("NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;alice@example.test");
    REQUIRE(all);
    CHECK(all->notify == (kNotifySuccess | kNotifyFailure));
    CHECK(all->original_recipient == "rfc822;alice@example.test");
    CHECK(rcpt("ORCPT=rfc822;"));
    CHECK(rcpt("NOTIFY=NEVER,SUCCESS").error() == "501 5.5.4 Error: Bad NOTIFY parameter syntax");
    CHECK(rcpt("ORCPT=x").error() == "501 5.5.4 Error: Bad ORCPT parameter syntax");
    CHECK(rcpt("FOO=BAR").error() == "555 5.5.4 Unsupported option: FOO=BAR");
}
