// The sources of a program are in no archive: the test includes the keys' unit itself.
#include <string>
#include <vector>

#include "smtpd/access_keys.cc"  // NOLINT
#include "tests/support/catch.h"

using namespace relais;
using namespace relais::smtpd;

namespace {

std::vector<std::string> texts(const AccessKeys& keys) {
    std::vector<std::string> out;
    for (const auto& key : keys) {
        out.push_back((key.kind == KeyKind::kWhole ? "" : "~") + key.text);
    }
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

// The orders of access(5).
TEST_CASE("smtpd/access_keys: a name and its parents") {
    CHECK(texts(keys_of_domain("a.b.example", ParentStyle::kPlain)) ==
          Texts{"a.b.example", "~b.example", "~example"});
    CHECK(texts(keys_of_domain("a.b.example", ParentStyle::kDotted)) ==
          Texts{"a.b.example", "~.b.example", "~.example"});
    CHECK(texts(keys_of_domain("unknown", ParentStyle::kPlain)) == Texts{"unknown"});
    CHECK(texts(keys_of_domain("", ParentStyle::kPlain)) == Texts{""});
    CHECK(texts(keys_of_domain("example.", ParentStyle::kPlain)) == Texts{"example."});
}

TEST_CASE("smtpd/access_keys: an address and its networks") {
    CHECK(texts(keys_of_network("192.0.2.1")) == Texts{"192.0.2.1", "~192.0.2", "~192.0", "~192"});
    CHECK(texts(keys_of_network("2001:db8::1")) ==
          Texts{"2001:db8::1", "~2001:db8:", "~2001:db8", "~2001"});
    CHECK(texts(keys_of_network("::1")) == Texts{"::1", "~:"});
    CHECK(texts(keys_of_network("unknown")) == Texts{"unknown"});
}

TEST_CASE("smtpd/access_keys: a mail address") {
    CHECK(texts(keys_of_address("u+x@b.example", "+", "double-bounce", ParentStyle::kPlain)) ==
          Texts{"u+x@b.example", "~u@b.example", "~b.example", "~example", "~u+x@", "~u@"});
    CHECK(texts(keys_of_address("a b@c", "", "double-bounce", ParentStyle::kPlain)) ==
          Texts{"\"a b\"@c", "a b@c", "~c", "~\"a b\"@", "~a b@"});
}
