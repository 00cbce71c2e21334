#include "tools/relais/session_page.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/imap/utf7.h"
#include "lib/ipc/session_register.h"

namespace relais {

namespace {

constexpr std::size_t kColumns = 9;
using Row = std::array<std::string, kColumns>;

std::string date_of(std::int64_t when) {
    std::time_t time = when;
    std::tm local{};
    std::array<char, 32> text{};
    bool known = ::localtime_r(&time, &local) != nullptr;
    std::size_t size =
        known ? std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local) : 0;
    return {text.data(), size};
}

// A dash for what is empty: each line has as many columns.
std::string shown(std::string_view text) {
    return text.empty() ? "-" : printable(text);
}

Row row_of(const UserSessions& process, const UserSession& session) {
    return {shown(process.user),
            shown(process.service),
            shown(session.address),
            date_of(session.since),
            session.secured ? "yes" : "no",
            std::to_string(session.received),
            std::to_string(session.sent),
            std::to_string(process.process),
            shown(imap::utf7_to_utf8(session.folder).value_or(session.folder))};
}

void print_rows(const std::vector<Row>& rows) {
    std::array<std::size_t, kColumns> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < kColumns; ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < kColumns; ++i) {
            line += row[i];
            line.append(i + 1 < kColumns ? widths[i] - row[i].size() + 2 : 0, ' ');
        }
        std::printf("%s\n", line.c_str());
    }
}

}  // namespace

int print_session_page(const std::string& user) {
    if (::chdir(conf().queue_directory().c_str()) != 0) {
        log_fatal("chdir {}: {}", conf().queue_directory(), std::strerror(errno));
    }
    auto all = Loop::current().run_task(list_user_sessions());
    if (!all) {
        log_fatal("{}", all.error().message);
    }
    std::vector<Row> rows{
        {"USER", "SERVICE", "ADDRESS", "SINCE", "TLS", "RECEIVED", "SENT", "PROCESS", "FOLDER"}};
    for (const UserSessions& process : *all) {
        for (const UserSession& session : process.sessions) {
            if (user.empty() || user == process.user) {
                rows.push_back(row_of(process, session));
            }
        }
    }
    std::sort(rows.begin() + 1, rows.end());
    print_rows(rows);
    return 0;
}

}  // namespace relais
