// Fuzz target: both sides of doveadm sync between two of ours: what a server gets to hear from a
// client, and the reverse.  The mailboxes behind it are in memory and take everything, but abort
// where what comes could not lie in one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/sync/remote_replica.h"

#include "tests/fuzz/support/conversation.h"

using namespace relais;

namespace {

void check_message(const SyncMessage& message) {
    if (!is_sync_uid(message.uid) || message.guid.find_first_of(" \r\n") != std::string::npos) {
        std::abort();
    }
}

class FakeReplica : public Replica {
  public:
    Task<Result<std::vector<SyncMailbox>>> list() override {
        std::vector<SyncMailbox> mailboxes(1);
        mailboxes[0].name = "INBOX";
        co_return mailboxes;
    }

    Task<Result<MailboxContent>> look(std::string /*mailbox*/) override {
        MailboxContent content;
        content.numbers = {1, 3, ""};
        content.messages = {{1, "a", {}, 5, 4, ""}, {2, "b", {8, {"k"}}, 5, 4, "P1"}};
        co_return content;
    }

    Task<Result<std::vector<SyncText>>> read(std::string /*mailbox*/,
                                             std::vector<std::uint32_t> uids) override {
        std::vector<SyncText> texts;
        for (std::uint32_t uid : uids) {
            if (texts.size() < 3) {
                texts.push_back({{uid, "a", {}, 5, 4, ""}, "text"});
            }
        }
        co_return texts;
    }

    Task<Result<void>> change_tree(TreeChange /*change*/) override { co_return Result<void>(); }

    Task<Result<void>> change(std::string /*mailbox*/, MailboxChange change) override {
        if (!change.numbers.possible()) {
            std::abort();
        }
        co_return Result<void>();
    }

    Task<Result<void>> put(std::string /*mailbox*/, std::vector<SyncText> messages) override {
        for (const SyncText& text : messages) {
            check_message(text.message);
        }
        co_return Result<void>();
    }
};

Task<void> serve(UniqueFd fd) {
    Stream stream(std::move(fd));
    FakeReplica replica;
    (void)co_await serve_replica(&replica, &stream);
}

Task<void> ask(UniqueFd fd) {
    RemoteReplica replica(std::move(fd), std::chrono::seconds(20));
    auto greeted = co_await replica.greet();
    if (!greeted) {
        co_return;
    }
    (void)co_await replica.list();
    auto content = co_await replica.look("INBOX");
    for (const SyncMessage& message : content ? content->messages : std::vector<SyncMessage>()) {
        check_message(message);
    }
    std::vector<std::uint32_t> uids = {1, 2};
    auto texts = co_await replica.read("INBOX", std::move(uids));
    for (const SyncText& text : texts ? *texts : std::vector<SyncText>()) {
        check_message(text.message);
    }
    TreeChange tree;
    (void)co_await replica.change_tree(std::move(tree));
    MailboxChange change;
    (void)co_await replica.change("INBOX", std::move(change));
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("");
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (text.starts_with("relais-sync")) {
        fuzz::converse(text, &ask);
    } else {
        fuzz::converse(text, &serve);
    }
    return 0;
}
