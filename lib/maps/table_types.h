// The openers of each table type; only the registry calls them.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "lib/maps/registry.h"
#include "lib/maps/table.h"

namespace relais {

struct OpenRequest {
    std::string type;
    std::string name;
    OpenMode mode;
    TableFlags flags;
};

using OpenedTable = Result<std::unique_ptr<Table>>;

OpenedTable open_bdb_table(const OpenRequest& request);
OpenedTable open_bdb_builder(const OpenRequest& request);
OpenedTable open_bdb_library_table(const OpenRequest& request);
OpenedTable open_cdb_table(const OpenRequest& request);
OpenedTable open_lmdb_table(const OpenRequest& request);
OpenedTable open_lmdb_builder(const OpenRequest& request);
OpenedTable open_texthash_table(const OpenRequest& request);
OpenedTable open_inline_table(const OpenRequest& request);
OpenedTable open_static_table(const OpenRequest& request);
OpenedTable open_fail_table(const OpenRequest& request);
OpenedTable open_environ_table(const OpenRequest& request);
OpenedTable open_internal_table(const OpenRequest& request);
OpenedTable open_unix_table(const OpenRequest& request);
OpenedTable open_proxy_table(const OpenRequest& request);
OpenedTable open_regexp_table(const OpenRequest& request);
OpenedTable open_pcre_table(const OpenRequest& request);
OpenedTable open_cidr_table(const OpenRequest& request);
OpenedTable open_pipemap_table(const OpenRequest& request);
OpenedTable open_unionmap_table(const OpenRequest& request);
OpenedTable open_randmap_table(const OpenRequest& request);
OpenedTable open_debug_table(const OpenRequest& request);
OpenedTable open_tcp_table(const OpenRequest& request);
OpenedTable open_socketmap_table(const OpenRequest& request);
OpenedTable open_memcache_table(const OpenRequest& request);
OpenedTable open_ldap_table(const OpenRequest& request);
OpenedTable open_sql_table(const OpenRequest& request);

// "type:name does not support WHAT mode": the error of a type that can only be read.
std::unexpected<Error> refuse_mode(const OpenRequest& request);

}  // namespace relais
