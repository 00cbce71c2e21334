#include "lib/event/blocking.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/unique_fd.h"

namespace relais {

namespace {

constexpr std::size_t kMaxThreads = 64;

struct Job {
    std::function<void()> work;
    Wait done;
};

class Pool {
  public:
    static Pool& current() {
        static Pool pool;
        return pool;
    }

    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    ~Pool() {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wanted_.notify_all();
        for (auto& thread : threads_) {
            thread.join();
        }
    }

    void submit(Job* job) {
        std::size_t queued;
        {
            std::lock_guard lock(mutex_);
            queue_.push_back(job);
            queued = queue_.size();
        }
        if (idle_hint() < queued && threads_.size() < kMaxThreads) {
            start_thread();
        }
        wanted_.notify_one();
    }

  private:
    Pool() : wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        event_ =
            Loop::current().make_event(wakeup_.get(), EV_READ | EV_PERSIST, &Pool::on_done, this);
        event_add(event_.get(), nullptr);
    }

    std::size_t idle_hint() {
        std::lock_guard lock(mutex_);
        return idle_;
    }

    void start_thread() {
        // Signals belong to the loop's thread.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        threads_.emplace_back([this] { serve(); });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++idle_;
            wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            --idle_;
            if (stopping_) {
                return;
            }
            Job* job = queue_.front();
            queue_.pop_front();
            lock.unlock();
            job->work();
            lock.lock();
            bool first = done_.empty();
            done_.push_back(job);
            if (first) {
                std::uint64_t one = 1;
                ssize_t ignored = ::write(wakeup_.get(), &one, sizeof one);
                static_cast<void>(ignored);
            }
        }
    }

    static void on_done(int fd, short /*what*/, void* self) {
        std::uint64_t count = 0;
        ssize_t ignored = ::read(fd, &count, sizeof count);
        static_cast<void>(ignored);
        auto* pool = static_cast<Pool*>(self);
        std::deque<Job*> done;
        {
            std::lock_guard lock(pool->mutex_);
            done.swap(pool->done_);
        }
        for (Job* job : done) {
            job->done.wake();
        }
    }

    UniqueFd wakeup_;
    EventPtr event_;
    std::mutex mutex_;
    std::condition_variable wanted_;
    std::deque<Job*> queue_;
    std::deque<Job*> done_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool stopping_ = false;
};

Task<void> wait_for(Job* job) {
    co_await job->done;
}

}  // namespace

Task<void> run_job(std::function<void()> work) {
    Job job{.work = std::move(work), .done = Wait()};
    Pool::current().submit(&job);
    Task<void> waiting = wait_for(&job);
    co_await waiting.under(nullptr);
}

}  // namespace relais
