#include "lib/daemon/sni_tables.h"

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais {

SniTables::SniTables()
    : tables_("tls_server_sni_maps", conf().tls_server_sni_maps(),
              table_flag::kLock | table_flag::kFoldFixed | table_flag::kValueIsFile) {
}

Task<Result<std::optional<std::string>>> SniTables::chain_for(std::string name) const {
    for (std::size_t at = 0; at != std::string::npos; at = name.find('.', at + 1)) {
        const std::string key = name.substr(at);
        const auto kind = at == 0 ? KeyKind::kWhole : KeyKind::kPartial;
        const Lookup found = co_await tables_.lookup(key, kind);
        if (found.is_error()) {
            co_return fail(Errc::kTemporary,
                           format("{}: {} map lookup problem", tables_.title(), name));
        }
        if (!found.is_found()) {
            continue;
        }
        if (auto chain = base64_decode(found.value())) {
            co_return std::move(chain);
        }
        co_return fail(Errc::kSyntax, format("{}: key {}: malformed BASE64 value: {}",
                                             tables_.title(), key, found.value().substr(0, 100)));
    }
    co_return std::nullopt;
}

}  // namespace relais
