// One QMQP client: one message, one answer.
#pragma once

#include <memory>
#include <string>

#include "lib/dns/resolver.h"
#include "lib/event/stream.h"
#include "lib/ipc/cleanup_client.h"
#include "lib/maps/match_list.h"

#include "services/qmqpd/request.h"

namespace relais::qmqpd {

// What the sessions of the process share.
struct Site {
    MatchList authorized;  // qmqpd_authorized_clients
    std::unique_ptr<Resolver> dns;
};

class Session {
  public:
    Session(Site& site, UniqueFd fd);

    [[nodiscard]] Task<void> run();

  private:
    // How an answer begins.
    enum class Answer : char { kOk = 'K', kRetry = 'Z', kHard = 'D' };

    [[nodiscard]] Task<void> identify_client();
    [[nodiscard]] Task<void> serve();
    [[nodiscard]] Task<bool> open_queue_file();
    [[nodiscard]] Task<bool> receive();
    [[nodiscard]] Task<void> pass_on();
    [[nodiscard]] Task<void> answer(Answer how, std::string text);
    [[nodiscard]] Task<void> refuse(Answer how, std::string text);
    [[nodiscard]] bool put_envelope();
    [[nodiscard]] Task<void> put_content();
    void put_received();
    void tell(std::string_view what) const;

    Site& site_;
    Stream stream_;
    Request request_;
    std::unique_ptr<CleanupClient> cleanup_;
    std::string name_ = "unknown", reverse_name_ = "unknown", address_ = "unknown", port_ = "0";
    std::string label_;  // name[address]
    int family_ = 0;
};

}  // namespace relais::qmqpd
