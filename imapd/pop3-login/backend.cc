#include "imapd/pop3-login/backend.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

bool is_ok(const std::string& line) {
    return line.starts_with("+OK");
}

BackendAnswer judge(std::string line) {
    BackendAnswer judged;
    judged.accepted = is_ok(line);
    // RFC 2449 8, RFC 3206: what is about the password, and what is not.
    judged.wrong = !judged.accepted && !istarts_with(line, "-ERR [SYS/") &&
                   !istarts_with(line, "-ERR [IN-USE]") &&
                   !istarts_with(line, "-ERR [LOGIN-DELAY]");
    judged.text = std::move(line);
    return judged;
}

// As Dovecot's proxies write it, to servers that ask for it.
std::string xclient(const ProxiedClient& client) {
    std::string command = "XCLIENT";
    if (client.remote.is_ip()) {
        command += format(" ADDR={} PORT={}", client.remote.host(), client.remote.port());
    }
    return command + format(" TTL={}", client.hops_left);
}

}  // namespace

Task<Result<std::string>> Pop3Backend::ask(std::string command) {
    stream_.write(command + "\r\n");
    co_return co_await lines_.next();
}

Task<Result<void>> Pop3Backend::need(std::string command) {
    std::string name(command.substr(0, command.find(' ')));
    auto line = co_await ask(std::move(command));
    if (!line) {
        co_return fail_with(line);
    }
    if (!is_ok(*line)) {
        co_return fail(Errc::kTemporary, format("{}: {}", name, *line));
    }
    co_return Result<void>();
}

// RFC 5034 4: the response comes at the server's asking, which any server understands.
Task<Result<std::string>> Pop3Backend::send_proof() {
    auto proof = backend_proof(target_);
    if (!proof) {
        co_return fail_with(proof);
    }
    std::string response = proof->response;
    auto line = co_await ask(format("AUTH {}", proof->mechanism));
    while (line && line->starts_with('+') && !is_ok(*line)) {
        line = co_await ask(std::exchange(response, proof->end));
    }
    co_return line;
}

Task<Result<std::string>> Pop3Backend::send_login() {
    if (!sends_password_alone(target_)) {
        co_return co_await send_proof();
    }
    auto known = co_await ask(format("USER {}", target_.user));
    if (!known || !is_ok(*known)) {
        co_return known;
    }
    co_return co_await ask(format("PASS {}", target_.password));
}

Task<Result<BackendAnswer>> Pop3Backend::log_in(ProxiedClient client) {
    auto greeting = co_await lines_.next();
    if (!greeting || !is_ok(*greeting)) {
        co_return fail(Errc::kSyntax, greeting ? *greeting : greeting.error().message);
    }
    if (target_.tls == ProxyTarget::Tls::kStartTls) {
        auto ready = co_await need("STLS");
        auto secured = ready ? co_await backends_.start_tls(&stream_, &target_) : fail_with(ready);
        if (!secured) {
            co_return fail_with(secured);
        }
    }
    if (greeting->starts_with("+OK [XCLIENT]")) {
        auto told = co_await need(xclient(client));
        if (!told) {
            co_return fail_with(told);
        }
    }
    auto line = co_await send_login();
    if (!line) {
        co_return fail_with(line);
    }
    co_return judge(std::move(*line));
}

}  // namespace relais
