// GETMETADATA's and SETMETADATA's arguments (RFC 5464 4.2, 4.3).
#include "lib/imap/metadata.h"

#include "tests/support/catch.h"

using namespace relais;
using namespace relais::imap;

TEST_CASE("imap/metadata: names of entries") {
    CHECK(MetadataEntry::parse("/Private/Comment")->full_name() == "/private/comment");
    CHECK(MetadataEntry::parse("/shared")->shared);
    for (const char* bad : {"", "private/x", "/foo/x", "/privates/x", "/private/", "/private//x",
                            "/private/a*", "/private/a%", "/private/\x80", "/private/a b"}) {
        CHECK_FALSE(MetadataEntry::parse(bad));
    }
    CHECK_FALSE(MetadataEntry::parse("/private/" + std::string(2000, 'x')));
}

TEST_CASE("imap/metadata: depth") {
    MetadataOptions options;
    CHECK(options.covers("a", "a"));
    CHECK_FALSE(options.covers("a", "a/b"));
    options.depth = MetadataOptions::Depth::kOne;
    CHECK(options.covers("a", "a/b"));
    CHECK_FALSE(options.covers("a", "a/b/c"));
    CHECK_FALSE(options.covers("a", "ab"));
    CHECK(options.covers("", "a"));
    CHECK_FALSE(options.covers("", "a/b"));
    options.depth = MetadataOptions::Depth::kInfinity;
    CHECK(options.covers("a", "a/b/c"));
    CHECK(options.covers("", "a/b/c"));
}

TEST_CASE("imap/metadata: options and values") {
    MetadataOptions options;
    Scanner good("(MAXSIZE 1024 DEPTH infinity)");
    CHECK(options.parse(good));
    CHECK(options.max_size == 1024);
    CHECK(options.depth == MetadataOptions::Depth::kInfinity);
    for (const char* bad :
         {"()", "(DEPTH 2)", "(MAXSIZE)", "(MAXSIZE x)", "(DEPTH 1", "(OTHER 1)"}) {
        Scanner scanner(bad);
        CHECK_FALSE(MetadataOptions().parse(scanner));
    }
    Scanner values("(/private/comment \"x\" /shared/comment NIL)");
    auto entries = parse_metadata_values(values);
    REQUIRE(entries);
    REQUIRE(entries->size() == 2);
    CHECK(entries->front().value == "x");
    CHECK_FALSE(entries->back().value);
    for (const char* bad :
         {"()", "(/private/x)", "(/private \"x\")", "/private/x \"y\"", "(/private/x y)"}) {
        Scanner scanner(bad);
        CHECK_FALSE(parse_metadata_values(scanner));
    }
}
