#include "lib/store/mail_location.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

Result<MailLocation> parse(std::string_view text) {
    return parse_mail_location(text, "bob", "/home/bob");
}

std::string why(std::string_view text) {
    auto location = parse(text);
    return location ? "" : location.error().message;
}

}  // namespace

TEST_CASE("store/location: paths") {
    CHECK(parse("maildir:~/Maildir")->root == "/home/bob/Maildir");
    CHECK(parse("maildir:/srv/a::b")->root == "/srv/a:b");
    CHECK(parse("~/x")->root == "/home/bob/x");
    CHECK(parse("Mail/")->root == "/home/bob/Mail/");
    CHECK(parse("mbox:~/mail:INBOX=/var/mail/bob")->inbox == "/var/mail/bob");
    CHECK(parse("mbox:~/mail")->subscriptions == ".subscriptions");
    CHECK(parse("mdbox:~/mdbox")->format == MailFormat::kMdbox);
    CHECK(parse("dbox:~/dbox")->format == MailFormat::kSdbox);
    CHECK(parse("sdbox:~/dbox:ALT=/slow/bob")->alternative == "/slow/bob");
}

TEST_CASE("store/location: settings") {
    auto location = parse("maildir:~/m:INDEX=/i/bob:CONTROL=~/c:LAYOUT=Maildir++:UTF-8");
    REQUIRE(location);
    CHECK(location->index == "/i/bob");
    CHECK(location->control == "/home/bob/c");
    CHECK(location->names == NameEncoding::kUtf8);
    CHECK(parse("maildir:~/m:INDEX=MEMORY")->index_in_memory);
    CHECK(parse("maildir:~/m:LAYOUT=fs")->layout == FolderLayout::kDirectories);
    CHECK_FALSE(why("maildir:~/m:DIRNAME=x").empty());
    CHECK(why("maildir:~/m:FOO=1") == "Unknown setting: FOO");
    CHECK(why("maildir:") == "Root mail directory not given");
    CHECK(why("foo:~/x") == "Unknown mail storage driver foo");
    CHECK(why("maildir:~/m:LAYOUT=index") ==
          "LAYOUT=index is not known here: fs and Maildir++ are");
    CHECK_FALSE(parse("mbox:~/m:SUBSCRIPTIONS=../x"));
}

TEST_CASE("store/location: lists and indexes that would meet the mail of others") {
    for (const char* bad : {
             "maildir:~/mail/Maildir:LAYOUT=fs:CONTROL=~/mail",
             "maildir:~/mail/Maildir/:LAYOUT=fs:INDEX=~/x/..//mail/.",
             "maildir:~/m:LAYOUT=fs:CONTROL=~",
             "maildir:~/m:LAYOUT=fs:CONTROL=/",
             "maildir:~/m:LAYOUT=fs:CONTROL=~/m/control",
             "maildir:~/m/:LAYOUT=fs:INDEX=~/m/x/../index",
             "maildir:~/m:LAYOUT=fs:INBOX=~/c/in:CONTROL=~/c",
             "maildir:~/.mail:CONTROL=~",
             "maildir:~/.mail/box:INDEX=~/",
             "maildir:~/m:INBOX=~/c/.in:CONTROL=~/c",
         }) {
        INFO(bad);
        CHECK(why(bad).contains("names of mailboxes would lead"));
    }
    for (const char* good : {
             "maildir:~/m:LAYOUT=fs:INDEX=/var/indexes/bob:CONTROL=~/control",
             "maildir:~/m:LAYOUT=fs:INDEX=~/m:CONTROL=~/m/",
             "maildir:~/m:LAYOUT=fs:INBOX=~/m/INBOX:INDEX=~/m",
             "maildir:~/m:LAYOUT=fs:INDEX=MEMORY",
             "maildir:~/m:LAYOUT=fs:CONTROL=~/mx",
             "maildir:~/m:CONTROL=~",
             "maildir:~/m:INDEX=~/m/index",
             "maildir:~/m:INBOX=~/m/.INBOX:INDEX=~/m",
             "mbox:~/mail:INDEX=~/mail/.imap",
             "mdbox:~/mdbox:INDEX=~",
         }) {
        INFO(good);
        CHECK(why(good).empty());
    }
}
