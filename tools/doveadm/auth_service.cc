#include "tools/doveadm/auth_service.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/process_lock.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"

#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// Relative to the queue directory: the name under which master has made it.
std::string own_socket() {
    return "private/" + conf().imap_auth_service_name();
}

// In the queue directory for one block.
class InQueueDirectory {
  public:
    InQueueDirectory() {
        auto here = open_file(".", O_RDONLY | O_DIRECTORY);
        if (here) {
            before_ = std::move(*here);
        }
        if (::chdir(conf().queue_directory().c_str()) != 0) {
            end_with(kTemporary, format("chdir({}) failed: {}", conf().queue_directory(),
                                        std::strerror(errno)));
        }
    }

    InQueueDirectory(const InQueueDirectory&) = delete;
    InQueueDirectory& operator=(const InQueueDirectory&) = delete;

    // Where that is not permitted any more, nothing is left to be done there.
    ~InQueueDirectory() {
        if (before_.get() >= 0 && ::fchdir(before_.get()) != 0) {
            log_info("the working directory is {}", conf().queue_directory());
        }
    }

  private:
    UniqueFd before_;
};

template <class Ask>
AuthReply answer_of(AuthClient& client, Ask ask) {
    InQueueDirectory there;
    AuthExchange exchange(client);
    return Loop::current().run_task(ask(exchange));
}

}  // namespace

AuthService::AuthService(const std::string& socket)
    : client_(socket.empty() ? own_socket() : socket) {
    auto master = process_lock_holder(conf().queue_directory() + "/pid/master.pid");
    if (socket.empty() && master && *master) {
        client_.set_maker(static_cast<pid_t>(**master));
    }
    client_.set_timeout(std::chrono::minutes(1));
}

AuthService::~AuthService() {
    Loop::current().run_task(client_.close());
}

AuthReply AuthService::user(const std::string& name) {
    return answer_of(client_, [&](AuthExchange& exchange) {
        return exchange.look_up(name, {"service=doveadm"});
    });
}

AuthReply AuthService::password_entry(const std::string& name) {
    return answer_of(client_,
                     [&](AuthExchange& exchange) { return exchange.look_up_password(name); });
}

AuthReply AuthService::flush_cache(const std::vector<std::string>& names) {
    return answer_of(client_, [&](AuthExchange& exchange) { return exchange.flush_cache(names); });
}

Result<std::vector<std::string>> AuthService::users(const std::vector<std::string>& patterns) {
    AuthReply reply =
        answer_of(client_, [](AuthExchange& exchange) { return exchange.list_users(); });
    if (reply.kind != AuthReply::Kind::kSuccess) {
        return fail(Errc::kTemporary, "auth-master: userdb list: User listing returned failure");
    }
    if (!patterns.empty()) {
        std::erase_if(reply.users, [&](const std::string& user) {
            return std::ranges::none_of(
                patterns, [&](const std::string& each) { return fits_pattern(user, each); });
        });
    }
    return std::move(reply.users);
}

AuthReply AuthService::log_in(const std::string& name, const std::string& master,
                              const std::string& password, const AuthPeer& peer) {
    std::string response = master.empty() ? "" : name;
    response += '\0';
    response += master.empty() ? name : master;
    response += '\0';
    response += password;
    InQueueDirectory there;
    AuthExchange exchange(client_);
    AuthReply reply =
        Loop::current().run_task(exchange.start("PLAIN", peer, base64_encode(response)));
    cookie_ = exchange.cookie();
    login_ = exchange.id();
    return reply;
}

AuthReply AuthService::last_login() {
    return answer_of(client_, [&](AuthExchange& exchange) {
        return exchange.request_user(AuthClient::client_pid(), login_, cookie_);
    });
}

bool is_pattern(std::string_view text) {
    return text.find_first_of("*?") != std::string_view::npos;
}

bool fits_pattern(std::string_view name, std::string_view pattern) {
    std::string escaped;  // "*" and "?" are all that is special
    for (char c : pattern) {
        if (c == '[' || c == '\\') {
            escaped += '\\';
        }
        escaped += c;
    }
    return ::fnmatch(escaped.c_str(), std::string(name).c_str(), 0) == 0;
}

AuthPeer peer_of(const std::vector<std::string>& facts) {
    AuthPeer peer;
    peer.service = "doveadm";
    for (const std::string& fact : facts) {
        auto pair = split_first(fact, '=');
        std::string value(pair ? pair->second : "");
        std::string_view name = pair ? pair->first : std::string_view(fact);
        if (name == "service") {
            peer.service = value;
        } else if (name == "lip") {
            peer.local_address = value;
        } else if (name == "rip") {
            peer.remote_address = value;
        } else if (name == "lport") {
            peer.local_port = static_cast<std::uint16_t>(parse_uint(value).value_or(0));
        } else if (name == "rport") {
            peer.remote_port = static_cast<std::uint16_t>(parse_uint(value).value_or(0));
        } else if (name == "secured" || name == "ssl") {
            peer.secured = true;
        }
    }
    return peer;
}

}  // namespace relais::doveadm
