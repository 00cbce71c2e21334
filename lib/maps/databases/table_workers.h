// Worker processes for tables whose client library blocks.  A worker is a fork of the process: it
// has a connection of its own to the table's server, answers one key after the other over a socket
// pair, and ends when it has had nothing to do for a while or when the parent goes.  One slow
// server so holds up the lookups in its own table, and no other session.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/maps/lookup.h"

namespace relais {

class TableWorkers {
  public:
    // Both run in the worker: `start` first, and `ask` for each key.
    struct Job {
        std::function<void()> start;
        std::function<Lookup(std::string_view)> ask;
    };

    // `title` is the table in messages.
    TableWorkers(std::string title, Job job);
    ~TableWorkers();
    TableWorkers(const TableWorkers&) = delete;
    TableWorkers& operator=(const TableWorkers&) = delete;

    [[nodiscard]] Task<Lookup> lookup(std::string key);

  private:
    struct Worker;
    class Place;

    std::unique_ptr<Worker> take_idle();
    [[nodiscard]] std::unique_ptr<Worker> start_worker();
    [[noreturn]] void run_worker(int fd) const;
    // Nothing: the worker is gone.
    [[nodiscard]] Task<std::optional<Lookup>> ask(std::unique_ptr<Worker> worker,
                                                  const std::string* key);
    void keep(std::unique_ptr<Worker> worker);

    std::string title_;
    Job job_;
    std::deque<std::unique_ptr<Worker>> idle_;
    std::unique_ptr<Semaphore> places_;
};

}  // namespace relais
