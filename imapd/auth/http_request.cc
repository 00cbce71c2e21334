#include "imapd/auth/http_request.h"

#include <algorithm>
#include <optional>

#include "lib/base/base64.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"
#include "lib/event/stream.h"
#include "lib/tls/tls_session.h"

namespace relais {

namespace {

constexpr std::size_t kMostHeader = 16384;
constexpr std::size_t kMostBody = 65536;

std::string text_of(const HttpRequest& request) {
    const HttpUrl& url = request.url;
    bool post = !request.form.empty();
    // 1.0: the answer ends with the connection, and comes in one piece.
    std::string text = format("{} {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n",
                              post ? "POST" : "GET", url.target, url.host);
    std::string authorization = request.authorization;
    if (authorization.empty() && !url.credentials.empty()) {
        authorization = "Basic " + base64_encode(url.credentials);
    }
    if (!authorization.empty()) {
        text += format("Authorization: {}\r\n", authorization);
    }
    if (post) {
        text += format("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                       request.form.size());
    }
    return text + "Connection: close\r\n\r\n" + request.form;
}

// The value of a header field; nothing where it is not there.
std::optional<std::string_view> header_field(std::string_view header, std::string_view name) {
    for (std::string_view line : split_fields(header, '\n')) {
        auto parts = split_first(line, ':');
        if (parts && iequals(trim(parts->first), name)) {
            return trim(parts->second);
        }
    }
    return std::nullopt;
}

// RFC 9112 7.1, for servers that answer so all the same.
std::optional<std::string> unchunked(std::string_view text) {
    std::string out;
    for (;;) {
        auto end = text.find("\r\n");
        std::string_view digits = text.substr(0, std::min({end, text.find(';'), text.size()}));
        if (end == text.npos || digits.empty() || digits.size() > 6 ||
            digits.find_first_not_of("0123456789abcdefABCDEF") != digits.npos) {
            return std::nullopt;
        }
        std::size_t size = std::stoul(std::string(digits), nullptr, 16);
        text.remove_prefix(end + 2);
        if (size == 0) {
            return out;
        }
        if (text.size() < size + 2) {
            return std::nullopt;
        }
        out += text.substr(0, size);
        text.remove_prefix(size + 2);
    }
}

Result<HttpAnswer> parse_answer(std::string_view text) {
    auto broken = fail(Errc::kSyntax, "the server's answer makes no sense");
    auto end = text.find("\r\n\r\n");
    auto words = split_words(text.substr(0, text.find("\r\n")));
    auto status =
        words.size() >= 2 && words[0].starts_with("HTTP/1.") ? parse_uint(words[1]) : std::nullopt;
    if (end == text.npos || !status || *status > 999) {
        return broken;
    }
    std::string_view header = text.substr(0, end);
    HttpAnswer answer{static_cast<int>(*status), std::string(text.substr(end + 4))};
    auto coding = header_field(header, "Transfer-Encoding");
    if (coding && iequals(*coding, "chunked")) {
        auto body = unchunked(answer.body);
        if (!body) {
            return broken;
        }
        answer.body = std::move(*body);
    }
    auto length = header_field(header, "Content-Length");
    auto size = length ? parse_uint(*length) : std::nullopt;
    if (size && *size > answer.body.size()) {
        return fail(Errc::kClosed, "the server hung up in the middle of its answer");
    }
    if (size && !coding) {
        answer.body.resize(*size);
    }
    return answer;
}

Task<Result<HttpAnswer>> converse(Stream* stream, HttpRequest request) {
    stream->write(text_of(request));
    std::string text;
    for (;;) {
        text += stream->buffered();
        stream->consume(stream->buffered().size());
        if (text.size() > kMostHeader + kMostBody) {
            co_return fail(Errc::kSyntax, "the server's answer is too long");
        }
        bool more = co_await stream->fill();
        if (!more) {
            break;
        }
    }
    co_return parse_answer(text);
}

Task<bool> start_tls(Stream* stream, TlsContext* tls, std::string host, std::string peer) {
    TlsConnectOptions options;
    options.tells_result = false;
    options.peer = std::move(peer);
    options.server_name = host;
    options.level = TlsLevel::kSecure;
    options.match.push_back(std::move(host));
    options.protocols = ">=TLSv1.2";
    options.timeout = stream->timeout();
    auto info = co_await tls_connect(stream, tls, std::move(options));
    co_return info && info->satisfied;
}

}  // namespace

Result<HttpUrl> HttpUrl::parse(std::string_view text) {
    HttpUrl url;
    url.tls = text.starts_with("https://");
    if (!url.tls && !text.starts_with("http://")) {
        return fail(Errc::kSyntax, format("{}: no URL of http or https", printable(text)));
    }
    text.remove_prefix(url.tls ? 8 : 7);
    auto slash = std::min(text.find_first_of("/?"), text.size());
    std::string_view place = text.substr(0, slash);
    url.target = text.substr(slash);
    if (!url.target.starts_with('/')) {
        url.target.insert(0, "/");
    }
    if (auto parts = split_last(place, '@')) {
        url.credentials = parts->first;
        place = parts->second;
    }
    auto [host, port] =
        split_inet_name(place.contains(':') ? std::string(place) : format("{}:", place));
    url.host = host;
    url.port = port.empty() ? (url.tls ? "443" : "80") : port;
    if (url.host.empty() || url.target.find_first_of(" \r\n") != url.target.npos) {
        return fail(Errc::kSyntax, "a URL without a host");
    }
    return url;
}

Task<Result<HttpAnswer>> ask_http(HttpRequest request, TlsContext* tls,
                                  std::chrono::milliseconds patience) {
    std::string peer = format("{}:{}", request.url.host, request.url.port);
    auto fd = co_await connect_inet_name(peer, Deadline::after(patience));
    if (!fd) {
        co_return fail_with(fd);
    }
    Stream stream(std::move(*fd));
    stream.set_timeout(patience);
    stream.set_deadline(Deadline::after(patience));
    try {
        if (request.url.tls) {
            bool good = co_await start_tls(&stream, tls, request.url.host, peer);
            if (!good) {
                co_return fail(Errc::kTemporary,
                               format("{}: the server is not the wanted one", peer));
            }
        }
        co_return co_await converse(&stream, std::move(request));
    } catch (const IoError& error) {
        co_return fail(Errc::kClosed, format("{}: {}", peer, error.what()));
    } catch (const TimedOut&) {
        co_return fail(Errc::kTemporary, format("{}: no answer in time", peer));
    }
}

std::string url_encode(std::string_view text) {
    std::string out;
    for (char c : text) {
        bool plain = is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
        out += plain ? std::string(1, c) : format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace relais
