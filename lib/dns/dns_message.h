// DNS messages on the wire (RFC 1035): building queries, reading answers.  No input or output here.
// Answers are hostile bytes: every name, count and offset is bounded, and compression pointers
// only go backwards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

enum class DnsType : std::uint16_t {
    kA = 1,
    kNs = 2,
    kCname = 5,
    kPtr = 12,
    kMx = 15,
    kTxt = 16,
    kAaaa = 28,
    kSrv = 33,
    kTlsa = 52,
};

[[nodiscard]] std::string_view dns_type_name(DnsType type);

struct DnsRecord {
    std::string owner;
    DnsType type = DnsType::kA;
    std::uint32_t ttl = 0;
    std::uint16_t preference = 0;        // MX; SRV's priority
    std::uint16_t weight = 0, port = 0;  // SRV (RFC 2782)
    // A, AAAA: the address in print; CNAME, NS, PTR, MX, SRV: the name, "." for the root; TXT: the
    // text.
    std::string text;
    // TLSA (RFC 6698 2.1)
    std::uint8_t usage = 0, selector = 0, matching = 0;
    std::string data;
};

enum class DnsRcode : std::uint8_t {
    kNoError = 0,
    kFormatError = 1,
    kServerFailure = 2,
    kNoSuchName = 3,
    kNotImplemented = 4,
    kRefused = 5,
};

struct DnsMessage {
    DnsRcode rcode = DnsRcode::kNoError;
    bool authentic = false;  // the AD bit: the resolver has validated it
    std::vector<DnsRecord> answers;
    // Where the server says it: how long it is good that there are no answers, in seconds.
    std::optional<std::uint32_t> negative_ttl;
};

// A query with one question.  kValidated asks the resolver to validate with DNSSEC and to say so.
enum class DnsValidation { kNone, kWanted };
[[nodiscard]] Result<std::string> build_dns_query(std::string_view name, DnsType type,
                                                  DnsValidation validation);

// Answer records of other types than those above are left out.
[[nodiscard]] Result<DnsMessage> parse_dns_message(std::string_view bytes);

}  // namespace relais
