#include "lib/queue/delivery_log.h"

#include <cstdio>

#include <unistd.h>

#include "lib/base/unique_fd.h"

#include "tests/support/catch.h"

using namespace relais;

namespace {

UniqueFd file_with(std::string_view text) {
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    UniqueFd fd(::dup(::fileno(file)));
    std::fclose(file);
    REQUIRE(::pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return fd;
}

std::vector<LogEntry> read_log(std::string_view text, DeliveryLogReader::Defaults defaults) {
    UniqueFd fd = file_with(text);
    DeliveryLogReader reader(fd.get(), defaults, Utf8::kYes);
    std::vector<LogEntry> entries;
    for (;;) {
        auto entry = reader.next();
        REQUIRE(entry);
        if (!*entry) {
            return entries;
        }
        entries.push_back(**entry);
    }
}

}  // namespace

TEST_CASE("queue/delivery_log: an entry as Postfix 3.7 wrote it") {
    LogEntry entry;
    entry.address = "b@dest.example";
    entry.original = "B@dest.example";
    entry.offset = 289;
    entry.dsn_orig_rcpt = "rfc822;b@dest.example";
    entry.notify = 10;
    entry.status.status = "4.3.0";
    entry.status.action = "delayed";
    entry.status.reason = "address resolver failure";
    CHECK(format_log_entry(entry, OldStyleLine::kYes) ==
          "\n<b@dest.example>: address resolver failure\nrecipient=b@dest.example\noffset=289\n"
          "dsn_orig_rcpt=rfc822;b@dest.example\nnotify_flags=10\nstatus=4.3.0\naction=delayed\n"
          "reason=address resolver failure\n\n");
}

TEST_CASE("queue/delivery_log: entries come back, addresses quoted, no line is forged") {
    LogEntry one;
    one.address = "john smith@x.example";
    one.original = "alias";
    one.status = DeliveryStatus::of(DsnCode(5, 1, 1), "no such\nstatus=2.0.0");
    one.status.diag_type = "smtp";
    one.status.diag_text = "550 no";
    one.status.mta_type = "dns";
    one.status.mta_mname = "mx.example";
    LogEntry two;
    two.status.reason = "why";
    auto entries = read_log(
        format_log_entry(one, OldStyleLine::kYes) + format_log_entry(two, OldStyleLine::kNo),
        DeliveryLogReader::Defaults::kBounced);
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].address == "\"john smith\"@x.example");
    CHECK(entries[0].original == "alias");
    CHECK(entries[0].status.status == "5.1.1");
    CHECK(entries[0].status.reason == "no such status=2.0.0");
    CHECK(entries[0].status.mta_mname == "mx.example");
    CHECK(entries[1].address == "<>");
    CHECK(entries[1].status.status == "5.0.0");
    CHECK(entries[1].status.action == "failed");
}

TEST_CASE("queue/delivery_log: old and torn logs give what there is") {
    auto entries = read_log("<a@b.example>: mailbox full\n\n\nstatus=4.2.2\n\nrecipient=torn\n",
                            DeliveryLogReader::Defaults::kDeferred);
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].address == "a@b.example");
    CHECK(entries[0].status.reason == "mailbox full");
    CHECK(entries[0].status.action == "delayed");
    CHECK(entries[1].address == "(recipient address unavailable)");
    CHECK(entries[1].status.status == "4.2.2");
    CHECK(entries[1].status.reason == "(description unavailable)");
}
