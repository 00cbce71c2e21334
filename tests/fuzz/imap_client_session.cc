// Fuzz target: what an IMAP server can answer to doveadm backup, from its greeting to the texts of
// messages.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/sync/imap_replica.h"

#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/lines.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

constexpr auto kResponses = std::to_array<std::string_view>({
    "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LIST-EXTENDED] ready\r\n",
    "* PREAUTH ready\r\n",
    "+ \r\n",
    "a1 OK done\r\n",
    "a2 OK done\r\n",
    "a3 OK [READ-ONLY] done\r\n",
    "a4 OK done\r\n",
    "a5 OK done\r\n",
    "a6 NO no\r\n",
    "* CAPABILITY IMAP4rev1\r\n",
    "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\r\n",
    "* LIST () \"/\" {5}\r\nother\r\n",
    "* LSUB () NIL \"a&AOQ-b\"\r\n",
    "* 2 EXISTS\r\n",
    "* OK [UIDVALIDITY 5] x\r\n",
    "* OK [UIDNEXT 9] x\r\n",
    "* 1 FETCH (UID 1 FLAGS (\\Seen k) INTERNALDATE \" 1-Jan-2020 00:00:00 +0000\" RFC822.SIZE "
    "4)\r\n",
    "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \" 1-Jan-2020 00:00:00 +0000\" BODY[] {4}\r\ntext)\r\n",
    "* BYE gone\r\n",
});

std::string_view answers;
ImapAccount account;

Task<void> serve(UniqueFd fd) {
    return fuzz::talk(std::move(fd), answers);
}

void check_content(const MailboxContent& content) {
    std::uint32_t last = 0;
    for (const SyncMessage& message : content.messages) {
        if (message.uid <= last || message.guid.find_first_of(" \r\n") != std::string::npos) {
            std::abort();
        }
        last = message.uid;
    }
}

Task<void> copy_all() {
    ImapReplica replica(account);
    auto mailboxes = co_await replica.list();
    if (!mailboxes || mailboxes->empty()) {
        co_return;
    }
    std::string name = mailboxes->front().name;
    auto content = co_await replica.look(name);
    if (!content) {
        co_return;
    }
    check_content(*content);
    std::vector<std::uint32_t> uids = {1, 2};
    (void)co_await replica.read(std::move(name), std::move(uids));
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("");
    account.host = "127.0.0.1";
    account.port = fuzz::offer_port(&serve);
    account.user = "bob";
    account.password = "secret";
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_lines(kResponses, data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    answers = {reinterpret_cast<const char*>(data), size};
    Loop::current().run_task(copy_all());
    return 0;
}
