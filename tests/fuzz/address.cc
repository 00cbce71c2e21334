// Fuzz target: addresses and address headers.
#include "lib/mail/address.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/mail/address_list.h"
#include "lib/mail/date.h"
#include "lib/mail/dsn.h"
#include "lib/mail/header.h"
#include "lib/mail/hostname.h"

using namespace relais;

// The name and the signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    auto list = AddressList::parse(text, 100);
    for (std::size_t i = 0; i < list.size(); ++i) {
        list.set_external(i, list.external(i));
    }
    const auto printed = list.print();
    (void)fold_header(printed);
    (void)unquote_address(text);
    (void)quote_address(text);
    (void)strip_extension(text, "+-", "double-bounce");
    (void)is_hostname(text);
    (void)is_address_literal(text);
    (void)parse_host_port(text, "25");
    (void)parse_mail_date(text);
    (void)parse_imap_date(text);
    (void)split_dsn(text, DsnCode(5, 0, 0));
    (void)parse_orcpt(text);
    (void)parse_notify(text);
    return 0;
}
