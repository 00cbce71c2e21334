// Fuzz target: the small forms that stand in requests, messages and tables of all kinds: numbers,
// addresses, networks, types of content, dates, names in SASL.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/base/hex.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/dns/address_pattern.h"
#include "lib/imap/address_list.h"
#include "lib/imap/auth_url.h"
#include "lib/imap/dates.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/mime_tree.h"
#include "lib/imap/modseq.h"
#include "lib/imap/partial_range.h"
#include "lib/imap/search_key.h"
#include "lib/mail/content_type.h"
#include "lib/mail/dsn.h"
#include "lib/maps/map_source.h"
#include "lib/maps/network.h"
#include "lib/maps/registry.h"
#include "lib/maps/servers/table_connection.h"
#include "lib/sasl/derived_password.h"
#include "lib/sasl/gs2_header.h"

using namespace relais;

namespace {

void read_networks(std::string_view text) {
    if (auto network = Network::parse(text); network && network->prefix() > 128) {
        std::abort();
    }
    if (auto address = SocketAddress::parse(text, 25)) {
        if (SocketAddress::parse(address->host(), 25)->host() != address->host()) {
            std::abort();
        }
    }
    (void)AddressPattern::parse(text);
    (void)TableEndpoint::parse(text);
    (void)parse_table_reference(text);
    (void)parse_map_entry(text);
}

void read_imap_words(std::string_view text) {
    (void)imap::parse_timestamp(text);
    (void)imap::parse_search_day(text);
    (void)imap::parse_address_list(text);
    (void)imap::parse_mime_value(text);
    (void)imap::parse_media_type(text);
    (void)imap::parse_mime_token(text);
    (void)imap::parse_atoms(text);
    const imap::MimePart flat = imap::parse_mime_flat(text);
    if (!flat.children.empty()) {
        std::abort();
    }
    imap::Scanner section(text);
    (void)imap::parse_section(section);
    imap::Scanner modseq(text);
    (void)imap::parse_modseq(modseq);
    imap::Scanner range(text);
    (void)imap::parse_partial_range(range);
    imap::Scanner keys(text);
    (void)imap::parse_search_keys(keys, "UTF-8");
}

void read_sasl_words(std::string_view text) {
    if (auto header = parse_gs2_header(text); header && header->length > text.size()) {
        std::abort();
    }
    (void)decode_gs2_name(text);
    (void)parse_scram_keys(ScramHash::kSha1, text);
    (void)parse_scram_keys(ScramHash::kSha256, text);
}

}  // namespace

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (auto number = parse_int(text); number && !parse_int(std::to_string(*number))) {
        std::abort();
    }
    (void)parse_octal(text);
    if (auto plain = decode_hex_escapes(text, '%'); plain && plain->size() > text.size()) {
        std::abort();
    }
    (void)parse_content_type(text);
    (void)parse_disposition(text);
    (void)parse_transfer_encoding(text);
    (void)parse_ret(text);
    read_networks(text);
    read_imap_words(text);
    read_sasl_words(text);
    return 0;
}
