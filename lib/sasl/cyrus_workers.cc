#include "lib/sasl/cyrus_workers.h"

#include <algorithm>

#include "lib/base/format.h"

namespace relais {

struct CyrusWorkers::Worker {
    explicit Worker(const AuthClient::Connect& start) : client("SASL login worker", start) {}

    AuthClient client;
    Semaphore::Place place;
    std::list<Worker*>::iterator position;
    std::size_t logins = 0;
    bool working = false;
    bool given_up = false;
};

CyrusWorkers::CyrusWorkers(AuthClient::Connect start, Limits limits)
    : start_(std::move(start)), limits_(limits), places_(limits.workers) {
}

CyrusWorkers::~CyrusWorkers() = default;

CyrusWorkers::Lease::Lease(CyrusWorkers* pool, std::unique_ptr<Worker> worker)
    : pool_(pool), worker_(std::move(worker)) {
}

CyrusWorkers::Lease::Lease(Lease&&) noexcept = default;

CyrusWorkers::Lease::~Lease() {
    if (worker_) {
        pool_->give_back(std::move(worker_));
    }
}

AuthClient& CyrusWorkers::Lease::client() const {
    return worker_->client;
}

void CyrusWorkers::Lease::works() const {
    worker_->working = true;
}

void CyrusWorkers::Lease::rests() const {
    worker_->working = false;
    pool_->busy_.splice(pool_->busy_.end(), pool_->busy_, worker_->position);
}

// The worker that is used most is used again; the others reach their time of rest.
std::unique_ptr<CyrusWorkers::Worker> CyrusWorkers::take_idle() {
    while (!idle_.empty()) {
        auto worker = std::move(idle_.back());
        idle_.pop_back();
        if (worker->client.is_connected()) {
            return worker;
        }
        end(std::move(worker));
    }
    return nullptr;
}

void CyrusWorkers::make_room() {
    const auto silent = std::ranges::find_if(
        busy_, [](const Worker* each) { return !each->working && !each->given_up; });
    if (silent != busy_.end()) {
        (*silent)->given_up = true;
        (*silent)->client.hang_up();
        (*silent)->place.release();
    }
}

Task<Result<CyrusWorkers::Lease>> CyrusWorkers::take() {
    if (places_.free() == 0) {
        make_room();
    }
    Semaphore::Place place;
    try {
        place = co_await places_.take(Deadline::after(limits_.answer));
    } catch (const TimedOut&) {
        co_return fail(Errc::kTemporary,
                       format("none of {} SASL login workers is free", limits_.workers));
    }
    auto worker = take_idle();
    if (!worker) {
        worker = std::make_unique<Worker>(start_);
        worker->client.set_timeout(limits_.answer);
        worker->client.set_longest_line(limits_.longest_line);
    }
    worker->place = std::move(place);
    ++worker->logins;
    worker->position = busy_.insert(busy_.end(), worker.get());
    // Until it is asked something it waits for nobody.
    worker->working = true;
    co_return Lease(this, std::move(worker));
}

void CyrusWorkers::give_back(std::unique_ptr<Worker> worker) {
    busy_.erase(worker->position);
    worker->place.release();
    const bool good = !worker->working && !worker->given_up && worker->client.is_connected() &&
                      worker->logins < limits_.logins_of_a_worker;
    if (good) {
        idle_.push_back(std::move(worker));
    } else {
        end(std::move(worker));
    }
}

void CyrusWorkers::end(std::unique_ptr<Worker> worker) {
    worker->client.hang_up();
    ending_.spawn(hang_up(std::move(worker)));
}

Task<void> CyrusWorkers::hang_up(std::unique_ptr<Worker> worker) {
    co_await worker->client.close();
}

Task<void> CyrusWorkers::close() {
    while (!idle_.empty()) {
        end(std::move(idle_.back()));
        idle_.pop_back();
    }
    co_await ending_.join();
}

}  // namespace relais
