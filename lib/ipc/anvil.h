// anvil(8)'s protocol: it counts how many sessions each client has and how often it does things, so
// that smtpd can set limits that hold over all its processes.  Attributes in the plain encoding.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/ipc/attr.h"

namespace relais {

inline constexpr std::string_view kAnvilProtocol = "anvil_protocol";
inline constexpr int kAnvilOk = 0;
inline constexpr int kAnvilFail = -1;

// What is counted as a rate: the request's name.
enum class AnvilEvent { kMessage, kRecipient, kNewTls, kAuth, kNewTlsStatus };

[[nodiscard]] std::string_view anvil_event_name(AnvilEvent event);

struct AnvilCounts {
    int count = 0;  // sessions now
    int rate = 0;   // sessions in the current time unit
};

// One connection to anvil for all sessions of a process.  Anvil forgets the sessions of a process
// whose connection ends, so a crash leaves no counts behind.
class AnvilClient {
  public:
    AnvilClient(std::string socket, std::chrono::milliseconds timeout);
    AnvilClient(const AnvilClient&) = delete;
    AnvilClient& operator=(const AnvilClient&) = delete;
    ~AnvilClient();

    // Nothing where anvil cannot be asked (logged): limits do not apply then.
    [[nodiscard]] Task<std::optional<AnvilCounts>> connect(std::string ident);
    [[nodiscard]] Task<void> disconnect(std::string ident);
    [[nodiscard]] Task<std::optional<int>> rate(AnvilEvent event, std::string ident);

    // What was counted of an event, without counting another one.
    [[nodiscard]] Task<std::optional<int>> current(AnvilEvent event, std::string ident);

    // "service:address".
    [[nodiscard]] static std::string ident(std::string_view service, std::string_view address);

  private:
    [[nodiscard]] Task<std::optional<Attributes>> call(std::string request);
    [[nodiscard]] Task<std::optional<Attributes>> try_call(const std::string* request);

    std::string socket_;
    std::chrono::milliseconds timeout_;
    std::unique_ptr<Stream> stream_;
    std::string why_;        // of the last failure
    unsigned failures_ = 0;  // so many calls were in vain
    Semaphore turn_{1};
};

}  // namespace relais
