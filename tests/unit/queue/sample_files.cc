#include "tests/unit/queue/sample_files.h"

#include <string_view>

#include "lib/base/format.h"
#include "lib/queue/record.h"

#include "tests/support/catch.h"

namespace relais::test {

namespace {

// Puts records at stated offsets.
class FileBuilder {
  public:
    FileBuilder& at(std::size_t offset, Rec type, std::string_view data) {
        REQUIRE(bytes_.size() == offset);
        append_record(bytes_, type, data);
        return *this;
    }

    FileBuilder& pointer(std::size_t offset, int target) {
        REQUIRE(bytes_.size() == offset);
        append_pointer(bytes_, target);
        return *this;
    }

    FileBuilder& junk(std::size_t offset, std::size_t length) {
        REQUIRE(bytes_.size() == offset);
        bytes_.append(length, '0');
        return *this;
    }

    std::string bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

}  // namespace

std::string plain_queue_file() {
    FileBuilder file;
    file.at(0x00, Rec::kSize, format_size_record({280, 405, 2, 20, 280, 0}))
        .at(0x61, Rec::kTime, "1795247898 402779")
        .at(0x74, Rec::kAttribute, "create_time=1795247898")
        .at(0x8c, Rec::kAttribute, "envelope_id=ENVID1")
        .at(0xa0, Rec::kAttribute, "ret_flags=2")
        .at(0xad, Rec::kAttribute, "rewrite_context=local")
        .at(0xc4, Rec::kFullName, "root")
        .at(0xca, Rec::kSender, "a@facts.example")
        .at(0xdb, Rec::kAttribute, "notify_flags=10")
        .at(0xec, Rec::kAttribute, "dsn_orig_rcpt=rfc822;b@dest.example")
        .at(0x111, Rec::kOrigRecipient, "b@dest.example")
        .at(0x121, Rec::kRecipient, "b@dest.example")
        .at(0x131, Rec::kAttribute, "notify_flags=10")
        .at(0x142, Rec::kAttribute, "dsn_orig_rcpt=rfc822;c+ext@dest.example")
        .at(0x16b, Rec::kOrigRecipient, "c+ext@dest.example")
        .at(0x17f, Rec::kRecipient, "c+ext@dest.example")
        .at(0x193, Rec::kContent, "")
        .at(0x195, Rec::kLine, "Received: by facts.example (Postfix, from userid 0)")
        .at(0x1ca, Rec::kLine, "\tid 62D97A84925; Sat, 21 Nov 2026 07:58:18 +0000 (UTC)")
        .at(0x202, Rec::kLine, "From: a@facts.example")
        .at(0x219, Rec::kLine, "To: b@dest.example")
        .at(0x22d, Rec::kLine, "Subject: x")
        .at(0x239, Rec::kLine, "Message-Id: <20261121075818.62D97A84925@facts.example>")
        .at(0x271, Rec::kLine, "Date: Sat, 21 Nov 2026 07:58:18 +0000 (UTC)")
        .at(0x29e, Rec::kLine, "")
        .at(0x2a0, Rec::kLine, "hello world")
        .at(0x2ad, Rec::kExtracted, "")
        .at(0x2af, Rec::kEnd, "");
    return file.bytes();
}

std::string milter_edited_file() {
    FileBuilder file;
    file.at(0, Rec::kSize, format_size_record({322, 354, 3, 0, 358, 0}))
        .at(97, Rec::kTime, "1795248514 565800")
        .at(116, Rec::kAttribute, "create_time=1795248514")
        .at(140, Rec::kAttribute, "rewrite_context=local")
        .at(163, Rec::kFullName, "root")
        .pointer(169, 820)
        .at(186, Rec::kWarnTime, "     1795262914")
        .at(203, Rec::kAttribute, "dsn_orig_rcpt=rfc822;x@def.example")
        .at(239, Rec::kOrigRecipient, "x@def.example")
        .at(254, Rec::kCanceled, "x@def.example")
        .at(269, Rec::kAttribute, "dsn_orig_rcpt=rfc822;y@def.example")
        .at(305, Rec::kOrigRecipient, "y@def.example")
        .at(320, Rec::kRecipient, "y@def.example")
        .pointer(335, 862)
        .at(352, Rec::kContent, "")
        .at(354, Rec::kLine, "Received: by facts.example (Postfix, from userid 0)")
        .at(407, Rec::kLine, "\tid 8A8C8A84925; Sat, 21 Nov 2026 08:08:34 +0000 (UTC)")
        .pointer(463, 732)
        .at(480, Rec::kLine, "To: x@def.example")
        .at(499, Rec::kLine, "Message-Id: <20261121080834.8A8C8A84925@facts.example>")
        .at(555, Rec::kLine, "Date: Sat, 21 Nov 2026 08:08:34 +0000 (UTC)")
        .at(600, Rec::kLine, "From: root <a@facts.example>")
        .pointer(630, 697)
        .at(647, Rec::kLine, "")
        .pointer(649, 917)
        .junk(666, 10)
        .at(676, Rec::kExtracted, "")
        .pointer(678, 0)
        .at(695, Rec::kEnd, "")
        .at(697, Rec::kLine, "X-Added:  one")
        .at(712, Rec::kPadding, "0")
        .pointer(715, 647)
        .at(732, Rec::kLine, "X-Ins:  first")
        .at(747, Rec::kPadding, "0")
        .pointer(750, 784)
        .pointer(767, 480)
        .at(784, Rec::kLine, "Subject:  changed")
        .pointer(803, 480)
        .at(820, Rec::kSender, "newsender@facts.example")
        .pointer(845, 186)
        .at(862, Rec::kOrigRecipient, "added@def.example")
        .at(881, Rec::kRecipient, "added@def.example")
        .pointer(900, 352)
        .at(917, Rec::kLine, "new body line 1")
        .at(934, Rec::kLine, "new body line 2")
        .at(951, Rec::kLine, std::string(27, '3'))
        .pointer(980, 676);
    return file.bytes();
}

}  // namespace relais::test
