// Fuzz target: what a milter can answer to a whole session, from the agreement on options to the
// changes of the message.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "lib/config/config.h"
#include "lib/milter/filters.h"
#include "lib/milter/settings.h"

#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/services.h"

using namespace relais;

namespace {

std::string_view answers;

Task<void> serve_as_filter(UniqueFd fd) {
    return fuzz::talk(std::move(fd), answers);
}

class NoMacros : public milter::MacroSource {
  public:
    Task<std::optional<std::string>> macro(std::string name) override {
        co_return name == "{i}" ? std::optional<std::string>("4ABC") : std::nullopt;
    }
};

class SmallContent : public milter::Content {
  public:
    std::vector<std::string> headers() override { return {"Subject: x", "To: a,\n b"}; }

    void rewind_body() override { done_ = false; }

    Result<std::string> next_body(std::size_t size) override {
        return std::exchange(done_, true) ? std::string() : std::string("text\r\n").substr(0, size);
    }

  private:
    bool done_ = false;
};

class TakesAll : public milter::Editor {
  public:
    Task<milter::Verdict> apply(milter::Edit /*edit*/) override { co_return milter::Verdict(); }
};

Task<void> tell_of_message(const std::vector<milter::FilterSettings>* settings,
                           const milter::MacroSettings* macros) {
    NoMacros source;
    SmallContent content;
    TakesAll editor;
    milter::Filters filters(*settings, macros, &source);
    milter::Client client{.name = "c.test", .address = "192.0.2.1", .port = "1", .family = AF_INET};
    (void)co_await filters.connect(std::move(client));
    (void)co_await filters.helo("c.test");
    (void)co_await filters.unknown("XYZ");
    std::vector<std::string> sender = {"<ann@example.org>", "SIZE=1"};
    (void)co_await filters.mail(std::move(sender));
    std::vector<std::string> recipient = {"<bob@mail.test>"};
    (void)co_await filters.rcpt(std::move(recipient));
    std::vector<std::string> refused = {"<x@mail.test>"};
    co_await filters.rejected_rcpt(std::move(refused));
    (void)co_await filters.data();
    (void)co_await filters.message(&content, &editor);
    filters.abort();
    co_await filters.quit();
}

}  // namespace

// The names and the signatures are libFuzzer's.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    fuzz::configure("myhostname = mail.test\n");
    fuzz::offer("filter", &serve_as_filter);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto settings = milter::parse_filters(conf(), "unix:filter").value();
    static const auto macros = milter::macro_settings(conf());
    answers = {reinterpret_cast<const char*>(data), size};
    Loop::current().run_task(tell_of_message(&settings, &macros));
    return 0;
}
