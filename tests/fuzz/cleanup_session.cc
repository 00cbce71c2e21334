// Fuzz target: a session of cleanup: the records that a message comes as.  A file that it puts into
// the queue must be one that the queue manager can read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "lib/base/file.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/queue/envelope.h"
#include "lib/queue/record_reader.h"

#include "cleanup/service.h"
#include "cleanup/session.h"
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/records.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

constexpr std::string_view kConfiguration =
    "myhostname = mail.test\n"
    "mydestination = mail.test\n"
    "myorigin = mail.test\n"
    "inet_interfaces = loopback-only\n"
    "smtputf8_enable = yes\n"
    "hopcount_limit = 5\n"
    "message_size_limit = 100000\n"
    "always_bcc = archive@mail.test\n"
    "canonical_maps = inline:{{ann@example.org=ann@mail.test}}\n"
    "virtual_alias_maps = inline:{{bob@mail.test={bob@mail.test, carol@mail.test}}}\n"
    "virtual_alias_recursion_limit = 20\n"
    "masquerade_domains = mail.test\n"
    "header_checks = regexp:{{/^X-Hold:/ HOLD},{/^X-No:/ REJECT no},{/^X-Add:/ PREPEND X-B: c}}\n"
    "body_checks = regexp:{{/^replace/ REPLACE other},{/^ignore/ IGNORE}}\n"
    "message_strip_characters = \\0\n";

cleanup::Service& service() {
    static auto* const shared = new cleanup::Service(conf());
    return *shared;
}

Task<void> serve(UniqueFd fd) {
    cleanup::Session session(service(), std::move(fd));
    try {
        co_await session.run();
    } catch (const IoError&) {
        // The client went away in the middle.
    }
}

// It goes into requests to delivery agents, where a NUL ends it.
void check_word(std::string_view word) {
    if (word.contains('\0')) {
        std::abort();
    }
}

void check_envelope(const MessageEnvelope& envelope) {
    check_word(envelope.sender);
    for (const auto& [name, value] : envelope.attributes) {
        check_word(name);
        check_word(value);
    }
    for (const QueuedRecipient& recipient : envelope.recipients) {
        check_word(recipient.address);
        check_word(recipient.original);
        check_word(recipient.dsn_orig_rcpt);
    }
}

// What qmgr does with it first.
void read_as_qmgr(const std::string& path) {
    auto file = read_file(path);
    auto envelope = file ? parse_envelope(*file, {.recipients = 100000, .attributes = 100000})
                         : Result<MessageEnvelope>(fail_with(file));
    if (!envelope) {
        std::abort();
    }
    check_envelope(*envelope);
    ContentReader content(*file, envelope->size.data_offset);
    for (;;) {
        auto line = content.next();
        if (!line) {
            std::abort();
        }
        if (!*line) {
            return;
        }
    }
}

void take_all(const std::string& directory) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        read_as_qmgr(entry.path());
        std::filesystem::remove(entry.path());
    }
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure(std::string(kConfiguration) + "queue_directory = " + fuzz::scratch() + "\n");
    for (const char* directory :
         {"incoming", "active", "deferred", "hold", "corrupt", "defer", "bounce", "trace"}) {
        std::filesystem::create_directory(fuzz::scratch() + "/" + directory);
    }
    fuzz::offer("private/rewrite", &fuzz::serve_rewrite);
    fuzz::offer("private/bounce", &fuzz::serve_bounce);
    fuzz::offer("private/defer", &fuzz::serve_bounce);
    fuzz::offer("private/trace", &fuzz::serve_bounce);
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    return fuzz::mutate_records(data, size, max_size, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const unsigned flags = size % 3 == 0 ? kCleanupExternal | kCleanupBounce | kCleanupAutoUtf8
                                         : kCleanupInternal | kCleanupFilter | kCleanupSmtpReply;
    std::string input =
        AttrWriter().number("flags", flags & ~unsigned{kCleanupMilter}).end().take();
    input.append(reinterpret_cast<const char*>(data), size);
    fuzz::converse(input, &serve);
    take_all(fuzz::scratch() + "/incoming");
    take_all(fuzz::scratch() + "/hold");
    return 0;
}
