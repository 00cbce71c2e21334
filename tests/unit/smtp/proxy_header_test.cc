// The examples are those of HAProxy's doc/proxy-protocol.txt, or put together by hand from it.
#include "lib/smtp/proxy_header.h"

#include <string>

#include "tests/support/catch.h"

using namespace relais::smtp;

namespace {

using State = ProxyHeader::State;

// "client>server+SIZE", "own+SIZE", "...", or what is wrong.
std::string read(std::string_view bytes) {
    const auto header = parse_proxy_header(bytes);
    if (header.state == State::kIncomplete) {
        return "...";
    }
    if (header.state == State::kMalformed) {
        return std::string(header.trouble);
    }
    const auto who =
        header.proxied ? header.client.to_string() + ">" + header.server.to_string() : "own";
    return who + "+" + std::to_string(header.size);
}

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string binary(std::string_view command_and_family, const std::string& rest) {
    std::string bytes = kSignature;
    bytes += command_and_family;
    bytes += static_cast<char>(rest.size() >> 8);
    bytes += static_cast<char>(rest.size() & 0xff);
    return bytes + rest;
}

const std::string kAddresses4("\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x00\x19", 12);

}  // namespace

TEST_CASE("smtp/proxy header: a line of version 1") {
    CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\nQUIT\r\n") ==
          "192.0.2.1:12345>192.0.2.2:25+41");
    CHECK(read("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n") == "[2001:db8::1]:65535>[::1]:0+36");
    CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 12345 25 more\n") ==
          "192.0.2.1:12345>192.0.2.2:25+45");
}

TEST_CASE("smtp/proxy header: torn anywhere, it is waited for") {
    const std::string line = "PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n";
    const std::string block = binary("\x21\x11", kAddresses4);
    for (const auto& whole : {line, block}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CHECK(read(whole.substr(0, size)) == "...");
        }
        CHECK(read(whole) == "192.0.2.1:12345>192.0.2.2:25+" + std::to_string(whole.size()));
    }
}

TEST_CASE("smtp/proxy header: what is no line of version 1") {
    CHECK(read("EHLO x\r\n") == "unrecognized protocol header");
    CHECK(read("PROXX") == "unrecognized protocol header");
    CHECK(read("PROXY UNKNOWN\r\n") == "bad or missing protocol type");
    CHECK(read("PROXY TCP4\r\n") == "bad or missing client address");
    CHECK(read("PROXY TCP4 ::1 ::1 1 1\r\n") == "bad or missing client address");
    CHECK(read("PROXY TCP6 192.0.2.1 ::1 1 1\r\n") == "bad or missing client address");
    CHECK(read("PROXY TCP4 192.0.2.1 host 1 1\r\n") == "bad or missing server address");
    CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n") == "bad or missing client port");
    CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 1 -1\r\n") == "bad or missing server port");
    CHECK(read("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n") == "bad or missing server port");
    CHECK(read("PROXY " + std::string(529, 'x')) == "...");
    CHECK(read("PROXY " + std::string(530, 'x')) == "missing protocol header terminator");
}

TEST_CASE("smtp/proxy header: version 2") {
    CHECK(read(binary("\x21\x11", kAddresses4) + "QUIT") == "192.0.2.1:12345>192.0.2.2:25+28");
    // Extensions (TLVs) behind the addresses do not count.
    CHECK(read(binary("\x21\x11", kAddresses4 + "\x03")) == "192.0.2.1:12345>192.0.2.2:25+29");
    std::string six(36, '\0');
    six[15] = six[31] = '\1';
    six[33] = '\2';
    six[35] = '\3';
    CHECK(read(binary("\x21\x21", six)) == "[::1]:2>[::1]:3+52");
    CHECK(read(binary(std::string_view("\x20\x00", 2), "")) == "own+16");
    CHECK(read(binary("\x20\x11", kAddresses4)) == "own+28");
}

TEST_CASE("smtp/proxy header: what is no header of version 2") {
    CHECK(read(binary("\x11\x11", kAddresses4)) == "unrecognized protocol version");
    CHECK(read(binary("\x22\x11", kAddresses4)) == "bad command in proxy header");
    CHECK(read(binary("\x21\x12", kAddresses4)) == "unsupported network protocol");
    CHECK(read(binary(std::string_view("\x21\x00", 2), "")) == "unsupported network protocol");
    CHECK(read(binary("\x21\x21", kAddresses4)) == "short address field");
    CHECK(read(binary("\x21\x11", std::string(521, 'x'))) == "short version 2 protocol header");
}

TEST_CASE("smtp/proxy header: made") {
    auto at = [](std::string_view host, std::uint16_t port) {
        return relais::SocketAddress::parse(host, port).value();
    };
    // The very bytes of the description, sections 2.2.
    CHECK(make_proxy_header(at("192.0.2.1", 12345), at("192.0.2.2", 25)) ==
          binary("\x21\x11", kAddresses4));
    CHECK(read(make_proxy_header(at("2001:db8::1", 2), at("::1", 3))) ==
          "[2001:db8::1]:2>[::1]:3+52");
    CHECK(read(make_proxy_header(at("192.0.2.1", 2), at("::1", 3))) == "own+16");
    CHECK(read(make_proxy_header({}, {})) == "own+16");
}
