// NOTIFY's arguments and the mailboxes that they mean.
#include <string>

#include "lib/imap/notify_request.h"

#include "tests/support/catch.h"

using namespace relais::imap;
using relais::Errc;

namespace {

relais::Result<NotifyRequest> parse(std::string_view text) {
    Scanner scanner(text);
    return parse_notify(scanner);
}

}  // namespace

TEST_CASE("imap/notify: the examples of RFC 5465") {
    auto request = parse(
        "set status (selected MessageNew (uid body.peek[header.fields (from to subject)]) "
        "MessageExpunge) (subtree Lists MessageNew)");
    REQUIRE(request);
    CHECK(request->status);
    CHECK(request->selected->events.message_new);
    CHECK(request->selected->fetch.items.size() == 2);
    REQUIRE(request->others.size() == 1);
    CHECK(request->others[0].filter.names == std::vector<std::string>{"Lists"});
    CHECK_FALSE(request->others[0].events.message_expunge);
    auto personal = parse(
        "set (selected (Messagenew (uid flags) messageExpunge)) (personal (MessageNew FlagChange "
        "MessageExpunge))");
    REQUIRE(personal);
    CHECK(personal->others[0].events.flag_change);
    CHECK_FALSE(personal->status);
    CHECK_FALSE(parse("NONE")->selected);
}

TEST_CASE("imap/notify: what is refused, and how") {
    for (const char* bad : {"",
                            "SET",
                            "NONE x",
                            "SET STATUS",
                            "SET STATUS ",
                            "SET ()",
                            "SET (personal)",
                            "SET (personal ())",
                            "SET (personal (MessageNew)",
                            "SET (selected (MessageNew))",
                            "SET (selected (MessageExpunge))",
                            "SET (selected (FlagChange))",
                            "SET (selected (MailboxName))",
                            "SET (selected NONE) (selected-delayed NONE)",
                            "SET (personal (MessageNew (UID) MessageExpunge))",
                            "SET (subtree (MessageNew))",
                            "SET (mailboxes () (MessageNew))",
                            "SET (subtree-one a (MessageNew))",
                            "SET (selected (MessageNew (FROB) MessageExpunge))",
                            "SET (personal NONE) x"}) {
        INFO(bad);
        auto request = parse(bad);
        REQUIRE_FALSE(request);
        CHECK(request.error().code == Errc::kSyntax);
    }
    CHECK(parse("SET (personal (AnnotationChange))").error().code == Errc::kDenied);
    CHECK(parse("SET (personal (x-new)) (selected NONE)").error().code == Errc::kDenied);
    std::string many = "SET";
    for (int i = 0; i < 100; ++i) {
        many += " (personal (MessageNew))";
    }
    CHECK(parse(many)->others.size() == 100);
    CHECK(parse(many + " (personal (MessageNew))").error().code == Errc::kTooLarge);
}

TEST_CASE("imap/notify: which mailboxes are meant") {
    auto covers = [](std::string_view text, std::string_view mailbox, bool subscribed = false,
                     bool personal = true) {
        Scanner scanner(text);
        auto filter = parse_mailbox_filter(scanner);
        REQUIRE(filter);
        return filter->covers({mailbox, personal, subscribed}, '/');
    };
    CHECK_FALSE(covers("personal", "shared/x", false, false));
    CHECK(covers("subtree shared", "shared/x", false, false));
    CHECK(covers("personal", "x"));
    CHECK(covers("inboxes", "x"));
    CHECK_FALSE(covers("selected", "x"));
    CHECK(covers("subscribed", "x", true));
    CHECK_FALSE(covers("subscribed", "x"));
    CHECK(covers("subtree (a b)", "a"));
    CHECK(covers("subtree (a b)", "b/c/d"));
    CHECK_FALSE(covers("subtree (a b)", "bc"));
    CHECK(covers("subtree-one b", "b/c"));
    CHECK_FALSE(covers("subtree-one b", "b/c/d"));
    CHECK(covers("mailboxes (\"a*\" b)", "a*"));
    CHECK_FALSE(covers("mailboxes (\"a*\" b)", "ab"));
    CHECK_FALSE(covers("mailboxes b", "b/c"));
}
