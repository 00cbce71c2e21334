// Fuzz target: an IMAP session after login, over a Maildir with folders, quotas, rights and
// annotations.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "imapd/imap/session.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/mail_user.h"

using namespace relais;

namespace {

constexpr std::array kCommands = std::to_array<std::string_view>({
    "a SELECT INBOX\r\n",
    "a EXAMINE Sent (CONDSTORE)\r\n",
    "a SELECT INBOX (QRESYNC (1 1 1:3 (1 1)))\r\n",
    "a ENABLE QRESYNC UTF8=ACCEPT UIDONLY\r\n",
    "a LIST (SUBSCRIBED) \"\" (\"*\" \"%\") RETURN (CHILDREN STATUS (MESSAGES SIZE) SPECIAL-USE "
    "MYRIGHTS)\r\n",
    "a LSUB \"\" *\r\n",
    "a STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE DELETED MAILBOXID)\r\n",
    "a CREATE x.y (USE (\\Trash))\r\n",
    "a RENAME a z\r\n",
    "a DELETE Sent\r\n",
    "a SUBSCRIBE a.b\r\n",
    "a APPEND INBOX (\\Seen k) \" 1-Jan-2020 00:00:00 +0000\" {5+}\r\n",
    "hello\r\n",
    "a APPEND INBOX CATENATE (URL \"/INBOX/;UID=1/;SECTION=HEADER\" TEXT {2+}\r\n",
    "xy)\r\n",
    "a FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE UID MODSEQ EMAILID PREVIEW "
    "(LAZY))\r\n",
    "a UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)]<0.9> BINARY.SIZE[1] BINARY[3] "
    "BODY[2.MIME])"
    " (CHANGEDSINCE 1 VANISHED)\r\n",
    "a STORE 1:2 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Deleted new)\r\n",
    "a UID STORE * FLAGS ()\r\n",
    "a UID COPY 1,2 Sent\r\n",
    "a MOVE 1 x\r\n",
    "a REPLACE 1 INBOX {3+}\r\n",
    "abc\r\n",
    "a UID EXPUNGE 1:*\r\n",
    "a EXPUNGE\r\n",
    "a SEARCH RETURN (SAVE PARTIAL 1:2 COUNT UPDATE CONTEXT) OR SUBJECT re (BODY x NOT SINCE "
    "1-Jan-2001)\r\n",
    "a SEARCH CHARSET UTF-8 HEADER Message-ID 1 LARGER 3 KEYWORD k UID $ MODSEQ 1 FUZZY TEXT "
    "caf\r\n",
    "a CANCELUPDATE \"a\"\r\n",
    "a ESEARCH IN (subtree INBOX personal) RETURN (MIN MAX ALL) UNSEEN\r\n",
    "a SORT RETURN (ALL) (REVERSE SUBJECT DISPLAYFROM ARRIVAL) UTF-8 ALL\r\n",
    "a UID THREAD REFERENCES UTF-8 ALL\r\n",
    "a THREAD ORDEREDSUBJECT US-ASCII 1:*\r\n",
    "a UIDBATCHES 1 1:2\r\n",
    "a NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge)) (subtree INBOX "
    "(MessageNew MailboxName))\r\n",
    "a NOTIFY NONE\r\n",
    "a IDLE\r\n",
    "DONE\r\n",
    "a GETQUOTAROOT INBOX\r\n",
    "a SETQUOTA x (STORAGE 5)\r\n",
    "a GETACL INBOX\r\n",
    "a SETACL a ann +lrs\r\n",
    "a LISTRIGHTS a ann\r\n",
    "a MYRIGHTS Sent\r\n",
    "a SETMETADATA INBOX (/private/comment {2+}\r\n",
    "hi)\r\n",
    "a GETMETADATA (DEPTH infinity MAXSIZE 10) INBOX (/private/comment /shared)\r\n",
    "a GENURLAUTH \"imap://bob@mail.test/INBOX/;UID=1;URLAUTH=anonymous\" INTERNAL\r\n",
    "a RESETKEY INBOX\r\n",
    "a URLFETCH \"imap://bob@mail.test/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL:00\"\r\n",
    "a COMPRESS DEFLATE\r\n",
    "a ID (\"name\" \"x\")\r\n",
    "a NAMESPACE\r\n",
    "a NOOP\r\n",
    "a CHECK\r\n",
    "a UNSELECT\r\n",
    "a CLOSE\r\n",
    "a LOGOUT\r\n",
});

constexpr std::string_view kConfiguration =
    "imap_urlauth_host = mail.test\n"
    "imap_append_size_limit = 100000\n"
    "imap_idle_notify_interval = 1s\n"
    "imap_acl = vfile\n"
    "quota_root_name = User quota\n"
    "quota_rules = *:storage=1M:messages=50\n";

Task<void> serve(User* user, Stream* stream, SessionStart start) {
    Session session(*user, *stream);
    co_await session.run(std::move(start));
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure(kConfiguration);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kCommands, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::converse_with_mail({reinterpret_cast<const char*>(data), size}, &serve);
    return 0;
}
