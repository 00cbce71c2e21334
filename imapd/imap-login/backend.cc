#include "imapd/imap-login/backend.h"

#include <utility>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/imap/format.h"

namespace relais {

namespace {

// Whether a refusal is about the password, by its code (RFC 5530); old servers have none.
bool is_about_password(std::string_view answer) {
    std::string_view text = answer.substr(std::min<std::size_t>(3, answer.size()));
    return !text.starts_with('[') || istarts_with(text, "[AUTHENTICATIONFAILED]") ||
           istarts_with(text, "[AUTHORIZATIONFAILED]") || istarts_with(text, "[ALERT]");
}

BackendAnswer judge(std::string answer) {
    BackendAnswer judged;
    judged.accepted = istarts_with(answer, "OK");
    judged.wrong = !judged.accepted && is_about_password(answer);
    // What the words without a code mean, the client's program is told.
    judged.text = judged.wrong && !answer.contains('[')
                      ? "NO [AUTHENTICATIONFAILED] Authentication failed."
                      : std::move(answer);
    return judged;
}

}  // namespace

Task<Result<std::string>> ImapBackend::answer_to(std::string_view tag, std::string response,
                                                 std::string end) {
    std::string start = format("{} ", tag);
    for (;;) {
        auto line = co_await lines_.next();
        if (!line) {
            co_return line;
        }
        if (line->starts_with("* BYE")) {
            co_return fail(Errc::kClosed, *line);
        }
        if (line->starts_with('+')) {
            stream_.write(std::exchange(response, end) + "\r\n");
        } else if (line->starts_with("* ")) {
            note_capabilities(*line);
        } else if (line->starts_with(start)) {
            note_capabilities(*line);
            co_return line->substr(start.size());
        }
    }
}

// As an untagged response, or as a code in any (RFC 3501 7.1, 7.2.1).
void ImapBackend::note_capabilities(std::string_view line) {
    auto code = line.find("[CAPABILITY ");
    if (code != std::string_view::npos) {
        std::string_view list = line.substr(code + 12);
        capabilities_ = " " + uppercase(list.substr(0, list.find(']'))) + " ";
    } else if (istarts_with(line, "* CAPABILITY ")) {
        capabilities_ = " " + uppercase(line.substr(13)) + " ";
    }
}

bool ImapBackend::can(std::string_view capability) const {
    return capabilities_.contains(format(" {} ", capability));
}

Task<Result<void>> ImapBackend::learn_capabilities() {
    stream_.write("C CAPABILITY\r\n");
    auto answer = co_await answer_to("C");
    if (!answer) {
        co_return fail_with(answer);
    }
    co_return Result<void>();
}

Task<Result<void>> ImapBackend::begin() {
    auto greeting = co_await lines_.next();
    if (!greeting || !greeting->starts_with("* OK")) {
        co_return fail(Errc::kSyntax, greeting ? *greeting : greeting.error().message);
    }
    note_capabilities(*greeting);
    if (target_.tls == ProxyTarget::Tls::kStartTls) {
        stream_.write("S STARTTLS\r\n");
        auto ready = co_await answer_to("S");
        if (!ready || !istarts_with(*ready, "OK")) {
            co_return fail(Errc::kTemporary,
                           format("STARTTLS: {}", ready ? *ready : ready.error().message));
        }
        auto secured = co_await backends_.start_tls(&stream_, &target_);
        if (!secured) {
            co_return secured;
        }
        capabilities_.clear();  // whoever was in between may have said them
    }
    co_return capabilities_.empty() ? co_await learn_capabilities() : Result<void>();
}

// In the words of Dovecot's proxies, to servers that ask for ID at all (RFC 2971).
void ImapBackend::tell_origin(const ProxiedClient& client) {
    std::string command = "I ID (";
    auto add = [&command](std::string_view name, const std::string& value) {
        command += format("{}\"{}\" ", command.ends_with('(') ? "" : " ", name);
        imap::append_string(command, value);
    };
    if (client.remote.is_ip()) {
        add("x-originating-ip", client.remote.host());
        add("x-originating-port", std::to_string(client.remote.port()));
    }
    if (client.local.is_ip()) {
        add("x-connected-ip", client.local.host());
        add("x-connected-port", std::to_string(client.local.port()));
    }
    add("x-proxy-ttl", std::to_string(client.hops_left));
    stream_.write(command + ")\r\n");
}

Task<Result<std::string>> ImapBackend::send_login() {
    if (sends_password_alone(target_) && !can("LOGINDISABLED")) {
        std::string command = "L LOGIN ";
        imap::append_string(command, target_.user);
        command += ' ';
        imap::append_string(command, target_.password);
        stream_.write(command + "\r\n");
        co_return co_await answer_to("L");
    }
    auto proof = backend_proof(target_);
    if (!proof) {
        co_return fail_with(proof);
    }
    if (can("SASL-IR")) {
        stream_.write(format("L AUTHENTICATE {} {}\r\n", proof->mechanism, proof->response));
        co_return co_await answer_to("L", proof->end, proof->end);
    }
    stream_.write(format("L AUTHENTICATE {}\r\n", proof->mechanism));
    co_return co_await answer_to("L", proof->response, proof->end);
}

Task<Result<BackendAnswer>> ImapBackend::log_in(ProxiedClient client) {
    auto begun = co_await begin();
    if (!begun) {
        co_return fail_with(begun);
    }
    if (can("ID")) {
        tell_origin(client);
        auto answer = co_await answer_to("I");
        if (!answer) {
            co_return fail_with(answer);
        }
    }
    auto answer = co_await send_login();
    if (!answer) {
        co_return fail_with(answer);
    }
    co_return judge(std::move(*answer));
}

}  // namespace relais
