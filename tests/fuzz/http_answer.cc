// Fuzz target: what a server of tokens can answer to the auth service, and the URL that leads to
// it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "imapd/auth/http_request.cc"  // NOLINT: a program's sources are in no archive
#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

std::string_view answer;

Task<void> serve(UniqueFd fd) {
    return fuzz::talk(std::move(fd), answer);
}

HttpRequest request;

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("");
    request.url =
        HttpUrl::parse("http://127.0.0.1:" + fuzz::offer_port(&serve) + "/path?x=").value();
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    answer = {reinterpret_cast<const char*>(data), size};
    (void)HttpUrl::parse(answer);
    (void)Loop::current().run_task(ask_http(request, nullptr, std::chrono::seconds(20)));
    return 0;
}
