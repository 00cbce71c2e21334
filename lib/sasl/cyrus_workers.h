// The client's side of cyrus_server.h: a bounded number of worker processes, of which each serves
// one login at a time.  A worker that hangs holds up the login that it serves, and is killed; one
// that dies fails its login, and the next gets another.
//
//     auto lease = co_await workers.take();
//     AuthExchange exchange(lease->client());
//     lease->works();   reply = co_await exchange.start(...);   lease->rests();
#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <memory>

#include "lib/sasl/auth_client.h"

namespace relais {

class CyrusWorkers {
  public:
    struct Limits {
        std::size_t workers = 50;
        std::size_t logins_of_a_worker = 100;
        std::chrono::milliseconds answer{30'000};  // a step, and the wait for a free worker
        std::size_t longest_line = kMaxAuthLine;
    };

    // `start` makes a worker: a socket on which it speaks cyrus_serve()'s protocol.
    CyrusWorkers(AuthClient::Connect start, Limits limits);
    ~CyrusWorkers();
    CyrusWorkers(const CyrusWorkers&) = delete;
    CyrusWorkers& operator=(const CyrusWorkers&) = delete;

  private:
    struct Worker;

  public:
    // A worker, for one login.  Its exchange must be gone first.
    class Lease {
      public:
        Lease(CyrusWorkers* pool, std::unique_ptr<Worker> worker);
        Lease(Lease&&) noexcept;
        Lease& operator=(Lease&&) = delete;
        ~Lease();

        AuthClient& client() const;

        // The worker is asked something; it has answered, and now the peer is awaited.  One that is
        // left at work is not used again.
        void works() const;
        void rests() const;

      private:
        CyrusWorkers* pool_;
        std::unique_ptr<Worker> worker_;
    };

    // Where all are taken, the login goes first whose client has been silent longest: clients that
    // begin to log in and say nothing keep nobody out.
    [[nodiscard]] Task<Result<Lease>> take();

    // Needed before destruction, when no lease is left.
    [[nodiscard]] Task<void> close();

  private:
    std::unique_ptr<Worker> take_idle();
    void make_room();
    void give_back(std::unique_ptr<Worker> worker);
    void end(std::unique_ptr<Worker> worker);
    static Task<void> hang_up(std::unique_ptr<Worker> worker);

    AuthClient::Connect start_;
    Limits limits_;
    Semaphore places_;
    std::deque<std::unique_ptr<Worker>> idle_;
    std::list<Worker*> busy_;  // whose client has been awaited longest, first
    TaskGroup ending_;
};

}  // namespace relais
