#include "lib/sync/imap_responses.h"

#include "lib/store/maildir_name.h"
#include "lib/sync/replica.h"
#include "lib/sync/sync_memory.h"

#include "tests/support/catch.h"

using namespace relais;

TEST_CASE("sync/imap_responses: LIST and LSUB, RFC 3501 7.2.2") {
    auto root = imap::parse_list_response("LIST (\\Noselect) \"/\" ~/Mail/foo");
    REQUIRE(root);
    CHECK(root->name == "~/Mail/foo");
    CHECK(root->separator == '/');
    CHECK_FALSE(root->selectable);
    auto quoted = imap::parse_list_response("LSUB () \".\" \"a \\\"b\\\"\"");
    REQUIRE(quoted);
    CHECK(quoted->name == "a \"b\"");
    auto flat = imap::parse_list_response("LIST (\\HasNoChildren) NIL {3}\r\na b");
    REQUIRE(flat);
    CHECK(flat->separator == '\0');
    CHECK(flat->name == "a b");
    for (const char* text : {"LIST", "LIST ()", "LIST () \"/\"", "LIST () \"//\" x", "STATUS x ()",
                             "LIST (\\x \"/\" a", "LIST () \"/\" a b"}) {
        CHECK_FALSE(imap::parse_list_response(text));
    }
}

TEST_CASE("sync/imap_responses: FETCH") {
    auto listed = imap::parse_fetch_response(
        "12 FETCH (FLAGS (\\Seen \\Recent $Junk a\x01z) INTERNALDATE \"17-Jul-1996 02:44:25 "
        "-0700\" "
        "RFC822.SIZE 4286 X-GM-LABELS (\"a\" (b NIL)) UID 7)");
    REQUIRE(listed);
    CHECK(listed->uid == 7);
    CHECK(listed->size == 4286);
    CHECK(listed->received == 837596665);
    CHECK(listed->flags == SyncFlags{MessageFlags::kSeen, {"$Junk"}});
    CHECK_FALSE(listed->body);
    auto read = imap::parse_fetch_response("1 FETCH (UID 3 BODY[] {5}\r\na)\r\nb)");
    REQUIRE(read);
    CHECK(read->body == "a)\r\nb");
    CHECK_FALSE(imap::parse_fetch_response("1 FETCH (UID 3 BODY[] NIL)")->body);
    for (const char* text : {"1 FETCH", "1 FETCH (", "1 FETCH (UID)", "1 FETCH (UID 0)",
                             "1 FETCH (UID 3", "FETCH (UID 3)", "1 FETCH (UID 3) x",
                             "1 FETCH (BODY[] {9}\r\nabc)", "1 FETCH (FLAGS \\Seen)"}) {
        INFO(text);
        CHECK_FALSE(imap::parse_fetch_response(text));
    }
}

TEST_CASE("sync/imap_responses: numbers") {
    CHECK(imap::parse_exists("172 EXISTS") == 172U);
    CHECK_FALSE(imap::parse_exists("172 RECENT"));
    CHECK(imap::parse_code_number("OK [UIDNEXT 4392] Predicted next UID", "UIDNEXT") == 4392U);
    CHECK_FALSE(imap::parse_code_number("OK [UIDNEXT 0] x", "UIDNEXT"));
    CHECK_FALSE(imap::parse_code_number("OK [UIDVALIDITY 1] x", "UIDNEXT"));
    CHECK_FALSE(imap::parse_code_number("NO [UIDNEXT 1] x", "UIDNEXT"));
    CHECK(imap::literal_at_end("x {310}") == 310U);
    CHECK_FALSE(imap::literal_at_end("x {}"));
    CHECK_FALSE(imap::literal_at_end("x {5} "));
}

TEST_CASE("sync/sync_memory: what was written is read, and what makes no sense is not") {
    SyncMemory memory("/nowhere", "maildir:~/x");
    CHECK(memory.tree() == nullptr);
    memory.set_tree({{{"INBOX", "g1"}, {"a b", ""}}, {"a b", "c"}});
    memory.set_messages("INBOX", {{"m1", {9, {"Kw", "$X"}}}, {"m1", {0, {}}}});
    auto read = SyncMemory::parse(memory.serialize());
    REQUIRE(read);
    CHECK(read->serialize() == memory.serialize());
    CHECK(read->messages("moved", "g1")->size() == 2);
    CHECK(read->messages("a b", "")->empty());
    CHECK(read->messages("c", "g9") == nullptr);
    CHECK(read->tree()->subscribed == std::set<std::string>{"a b", "c"});
    for (const char* text :
         {"", "x\n", "relais-sync 1", "relais-sync 2\n", "relais-sync 1\nm g 0\n",
          "relais-sync 1\nM g INBOX\nm g zz\n", "relais-sync 1\nM g INBOX\nm g 1",
          "relais-sync 1\nM g INBOX\nM h INBOX\n"}) {
        INFO(text);
        CHECK_FALSE(SyncMemory::parse(text));
    }
}

TEST_CASE("sync/replica: words of others that may stand in our lists") {
    CHECK(as_sync_guid("1700000000.M1P1.h") == "1700000000.M1P1.h");
    CHECK(as_sync_guid("a b\n:\x80") == "a_b_:_");
    CHECK(as_sync_guid("") == "_");
    CHECK(as_sync_guid(std::string(255, 'g')) == std::string(255, 'g'));
    CHECK(as_sync_guid(std::string(256, 'g')).size() == 216);
    CHECK(as_sync_guid(std::string(256, 'g')) != as_sync_guid(std::string(257, 'g')));
    CHECK(as_mailbox_guid("00112233445566778899aabbccddeeff") ==
          "00112233445566778899aabbccddeeff");
    CHECK(as_mailbox_guid("00112233445566778899aabbccddeefg").empty());
    CHECK(as_mailbox_guid("0011").empty());
    CHECK(pop3_extensions("G1 Ppop W3 O12 :x") == "Ppop O12");
    CHECK(pop3_extensions("Pa\nb O1\x01 " + std::string(256, 'P')).empty());
    CHECK(pop3_extensions("").empty());
}
