#include "lib/dns/dns_message.h"

#include <array>
#include <cstddef>
#include <optional>

#include <arpa/inet.h>

#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxJumps = 64;
constexpr std::size_t kMaxRecords = 500;
constexpr std::size_t kMaxText = 4096;

constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::uint16_t kTypeSoa = 6;

void put16(std::string& out, unsigned value) {
    out += static_cast<char>(value >> 8 & 0xff);
    out += static_cast<char>(value & 0xff);
}

Result<void> put_name(std::string& out, std::string_view name) {
    name = trim_right(name, ".");
    if (name.size() > kMaxName - 2) {
        return fail(Errc::kTooLarge, "domain name is too long");
    }
    if (!name.empty()) {
        for (std::string_view label : split_fields(name, '.')) {
            if (label.empty() || label.size() > kMaxLabel) {
                return fail(Errc::kSyntax, "malformed domain name");
            }
            out += static_cast<char>(label.size());
            out += label;
        }
    }
    out += '\0';
    return {};
}

// Walks over a message; a read beyond its end makes it fail, and everything after is zero.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    bool failed() const { return failed_; }

    std::size_t at() const { return at_; }

    unsigned byte() {
        if (at_ >= bytes_.size()) {
            failed_ = true;
            return 0;
        }
        return static_cast<unsigned char>(bytes_[at_++]);
    }

    unsigned number16() {
        unsigned high = byte();
        return high << 8 | byte();
    }

    std::uint32_t number32() {
        std::uint32_t high = number16();
        return high << 16 | number16();
    }

    std::string_view take(std::size_t count) {
        if (count > bytes_.size() - at_) {
            failed_ = true;
            return {};
        }
        std::string_view part = bytes_.substr(at_, count);
        at_ += count;
        return part;
    }

    void move_to(std::size_t at) { at_ = at; }

    // RFC 1035 4.1.4.  The root is ".".
    std::string name();

  private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

// Bytes that no host name has would be trouble in logs and tables.
void append_label(std::string& name, std::string_view label) {
    for (char c : label) {
        bool plain = is_print(c) && c != '.' && c != '\\' && c != '"';
        name += plain || static_cast<unsigned char>(c) >= 0x80 ? c : '?';
    }
}

std::string Reader::name() {
    std::string name;
    std::optional<std::size_t> resume;
    std::size_t limit = at_;  // pointers must go to before here
    for (std::size_t jumps = 0; !failed_;) {
        unsigned length = byte();
        if (length == 0) {
            break;
        }
        if ((length & 0xc0U) == 0xc0U) {
            std::size_t target = (length & 0x3fU) << 8 | byte();
            if (!resume) {
                resume = at_;
            }
            if (++jumps > kMaxJumps || target >= limit) {
                failed_ = true;
                return {};
            }
            limit = target;
            at_ = target;
            continue;
        }
        if (length > kMaxLabel || name.size() + length + 1 > kMaxName) {
            failed_ = true;
            return {};
        }
        name += name.empty() ? "" : ".";
        append_label(name, take(length));
    }
    if (resume) {
        at_ = *resume;
    }
    return name.empty() ? "." : name;
}

std::string text_of(std::string_view data) {
    Reader reader(data);
    std::string text;
    while (reader.at() < data.size() && !reader.failed() && text.size() < kMaxText) {
        text += reader.take(reader.byte());
    }
    return text;
}

// The record's data, which lies at reader's place and is `size` bytes long.  False: unusable.
bool read_data(Reader& reader, std::size_t size, DnsRecord& record) {
    switch (record.type) {
        case DnsType::kA:
        case DnsType::kAaaa: {
            bool v4 = record.type == DnsType::kA;
            if (size != (v4 ? 4U : 16U)) {
                return false;
            }
            std::string_view bytes = reader.take(size);
            std::array<char, INET6_ADDRSTRLEN> text{};
            const void* address = bytes.data();
            if (reader.failed() || ::inet_ntop(v4 ? AF_INET : AF_INET6, address, text.data(),
                                               text.size()) == nullptr) {
                return false;
            }
            record.text = text.data();
            return true;
        }
        case DnsType::kMx:
            record.preference = static_cast<std::uint16_t>(reader.number16());
            [[fallthrough]];
        case DnsType::kCname:
        case DnsType::kNs:
        case DnsType::kPtr:
            record.text = reader.name();
            return !reader.failed();
        case DnsType::kSrv:
            record.preference = static_cast<std::uint16_t>(reader.number16());
            record.weight = static_cast<std::uint16_t>(reader.number16());
            record.port = static_cast<std::uint16_t>(reader.number16());
            record.text = reader.name();
            return !reader.failed();
        case DnsType::kTxt:
            record.text = text_of(reader.take(size));
            return !reader.failed();
        case DnsType::kTlsa:
            if (size < 3) {
                return false;
            }
            record.usage = static_cast<std::uint8_t>(reader.byte());
            record.selector = static_cast<std::uint8_t>(reader.byte());
            record.matching = static_cast<std::uint8_t>(reader.byte());
            record.data = reader.take(size - 3);
            return !reader.failed();
    }
    return false;
}

// A record up to its data, which begins where the reader stands.
struct RecordHead {
    std::string owner;
    unsigned type = 0, klass = 0;
    std::uint32_t ttl = 0;
    std::size_t size = 0;
};

RecordHead read_head(Reader& reader, std::size_t total) {
    RecordHead head;
    head.owner = reader.name();
    head.type = reader.number16();
    head.klass = reader.number16();
    head.ttl = reader.number32();
    // RFC 2181 section 8: a time to live with the top bit set is zero.
    head.ttl = head.ttl > 0x7fffffffU ? 0 : head.ttl;
    head.size = reader.number16();
    if (head.size > total - reader.at()) {
        reader.take(total);  // fails
    }
    return head;
}

// RFC 2308 section 5: for how long the answer "there is none" is good, which is the time to live
// that the server has given to the SOA record in the authority section.
std::optional<std::uint32_t> read_negative_ttl(Reader& reader, std::size_t total, unsigned count) {
    for (unsigned i = 0; i < std::min<unsigned>(count, kMaxRecords) && !reader.failed(); ++i) {
        const RecordHead head = read_head(reader, total);
        if (head.type == kTypeSoa && head.klass == kClassInternet && !reader.failed()) {
            return head.ttl;
        }
        reader.take(head.size);
    }
    return std::nullopt;
}

bool known_type(unsigned type) {
    switch (static_cast<DnsType>(type)) {
        case DnsType::kA:
        case DnsType::kNs:
        case DnsType::kCname:
        case DnsType::kPtr:
        case DnsType::kMx:
        case DnsType::kTxt:
        case DnsType::kAaaa:
        case DnsType::kSrv:
        case DnsType::kTlsa:
            return true;
    }
    return false;
}

}  // namespace

std::string_view dns_type_name(DnsType type) {
    switch (type) {
        case DnsType::kA:
            return "A";
        case DnsType::kNs:
            return "NS";
        case DnsType::kCname:
            return "CNAME";
        case DnsType::kPtr:
            return "PTR";
        case DnsType::kMx:
            return "MX";
        case DnsType::kTxt:
            return "TXT";
        case DnsType::kAaaa:
            return "AAAA";
        case DnsType::kSrv:
            return "SRV";
        case DnsType::kTlsa:
            return "TLSA";
    }
    return "?";
}

Result<std::string> build_dns_query(std::string_view name, DnsType type, DnsValidation validation) {
    constexpr unsigned kRecursionDesired = 0x0100;
    constexpr unsigned kAuthenticData = 0x0020;
    bool validate = validation == DnsValidation::kWanted;
    std::string query;
    put16(query, 0);  // the resolver library puts the id here
    put16(query, kRecursionDesired | (validate ? kAuthenticData : 0));
    put16(query, 1);
    put16(query, 0);
    put16(query, 0);
    put16(query, validate ? 1 : 0);
    if (auto put = put_name(query, name); !put) {
        return fail_with(put);
    }
    put16(query, static_cast<unsigned>(type));
    put16(query, kClassInternet);
    if (validate) {
        // RFC 6891 6.1.2: an OPT record with the largest reply we take and the DO bit.
        query += '\0';
        put16(query, kTypeOpt);
        put16(query, 1232);
        put16(query, 0);
        put16(query, 0x8000);
        put16(query, 0);
    }
    return query;
}

Result<DnsMessage> parse_dns_message(std::string_view bytes) {
    Reader reader(bytes);
    reader.number16();  // id
    unsigned flags = reader.number16();
    unsigned questions = reader.number16();
    unsigned answers = reader.number16();
    unsigned authorities = reader.number16();
    reader.number16();
    if (reader.failed() || (flags & 0x8000U) == 0) {
        return fail(Errc::kCorrupt, "malformed DNS reply");
    }
    DnsMessage message;
    message.rcode = static_cast<DnsRcode>(flags & 0x0fU);
    message.authentic = (flags & 0x0020U) != 0;
    for (unsigned i = 0; i < questions && !reader.failed(); ++i) {
        reader.name();
        reader.number32();
    }
    for (unsigned i = 0; i < answers && message.answers.size() < kMaxRecords; ++i) {
        RecordHead head = read_head(reader, bytes.size());
        const std::size_t start = reader.at();
        if (reader.failed()) {
            return fail(Errc::kCorrupt, "malformed DNS reply");
        }
        if (head.klass == kClassInternet && known_type(head.type)) {
            DnsRecord record;
            record.owner = std::move(head.owner);
            record.ttl = head.ttl;
            record.type = static_cast<DnsType>(head.type);
            // A name inside the data must end inside it, too.
            if (!read_data(reader, head.size, record) || reader.at() > start + head.size) {
                return fail(Errc::kCorrupt, "malformed DNS reply");
            }
            message.answers.push_back(std::move(record));
        }
        reader.move_to(start + head.size);
    }
    if (reader.failed()) {
        return fail(Errc::kCorrupt, "malformed DNS reply");
    }
    if (message.answers.size() < kMaxRecords) {
        message.negative_ttl = read_negative_ttl(reader, bytes.size(), authorities);
    }
    return message;
}

}  // namespace relais
