// What both sides of Cyrus SASL have in common: the library's remarks, its flags, and the loop of a
// worker process that answers lines (auth_lines.h), because the library blocks and runs plug-ins.
// For the sources of this layer only.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sasl/sasl.h>

#include "lib/base/result.h"

namespace relais {

struct CyrusDispose {
    void operator()(sasl_conn_t* connection) const { ::sasl_dispose(&connection); }
};

using CyrusHandle = std::unique_ptr<sasl_conn_t, CyrusDispose>;

// Demands what SaslSecurity's bits say, and no layer of SASL's own, because TLS is below.  The
// library's status.
int cyrus_restrict(sasl_conn_t* connection, unsigned bits);

// For all that the process does with the library: its remarks go to the log.
std::array<sasl_callback_t, 2>& cyrus_callbacks();

// The directories with the library's configuration, with ":" between; empty: the library's own.
[[nodiscard]] Result<void> cyrus_set_config_path(std::string path);

// Into `out`, as the library decodes it; its status.
int cyrus_decode(std::string_view base64, std::string& out);

// One side of logins, one at a time.
class CyrusConversation {
  public:
    CyrusConversation() = default;
    CyrusConversation(const CyrusConversation&) = delete;
    CyrusConversation& operator=(const CyrusConversation&) = delete;
    virtual ~CyrusConversation() = default;

    // The answer to a line, with its newline; empty where there is none.
    virtual std::string answer(const std::vector<std::string>& fields) = 0;
    // A login is going on.
    virtual bool is_busy() const = 0;
};

// Serves one client on a blocking stream socket until it hangs up, sends more than `longest_line`,
// or has not begun a login for a minute.  A step that takes longer than `step_time` kills the
// process.
void cyrus_converse(int fd, CyrusConversation& conversation, std::size_t longest_line,
                    std::chrono::seconds step_time);

}  // namespace relais
