// One request to an HTTP server, and its answer (RFC 9112): what oauth2: databases ask about
// tokens.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/task.h"
#include "lib/tls/tls_context.h"

namespace relais {

// "http://host[:port]/path" or https.
struct HttpUrl {
    bool tls = false;
    std::string host;
    std::string port;
    std::string target;       // path and query
    std::string credentials;  // "user:password" before the host

    [[nodiscard]] static Result<HttpUrl> parse(std::string_view text);
};

struct HttpRequest {
    HttpUrl url;
    std::string authorization;  // of the header of that name; empty: the URL's credentials
    std::string form;           // what is posted; empty: GET
};

struct HttpAnswer {
    int status = 0;
    std::string body;
};

// `tls` must outlive the task.  Errors: the server could not be asked, or made no sense.
[[nodiscard]] Task<Result<HttpAnswer>> ask_http(HttpRequest request, TlsContext* tls,
                                                std::chrono::milliseconds patience);

// For a query or a form.
[[nodiscard]] std::string url_encode(std::string_view text);

}  // namespace relais
