#include "lib/event/blocking.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <system_error>
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
// How long a fork waits for calls that run.
constexpr auto kForkPatience = std::chrono::seconds(2);

struct Job {
    std::function<void()> work;
    Wait done;
};

class Pool {
  public:
    // The pool of this process, if it has one.
    static std::unique_ptr<Pool>& slot() {
        Loop::current();  // so that it outlives the pool
        static std::unique_ptr<Pool> pool;
        return pool;
    }

    static Pool& current() {
        auto& pool = slot();
        if (!pool) {
            pool = std::make_unique<Pool>();
        }
        return *pool;
    }

    Pool() : wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        event_ =
            Loop::current().make_event(wakeup_.get(), EV_READ | EV_PERSIST, &Pool::on_done, this);
        event_add(event_.get(), nullptr);
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
        if (held_) {
            return;
        }
        if (idle_hint() < queued && threads_.size() < kMaxThreads) {
            start_thread();
        }
        wanted_.notify_one();
    }

    // From now on new jobs wait.
    void hold() {
        std::lock_guard lock(mutex_);
        held_ = true;
    }

    bool busy() {
        std::lock_guard lock(mutex_);
        return !running_.empty();
    }

    // fork(2); in the child a new pool has the jobs.
    static pid_t fork();

  private:
    // Jobs that were submitted before the pool could run them.
    void release() {
        std::deque<Job*> waiting;
        {
            std::lock_guard lock(mutex_);
            held_ = false;
            waiting.swap(queue_);
        }
        for (Job* job : waiting) {
            submit(job);
        }
    }

    // Its threads are not here: neither they nor what they may have left locked can be used.
    static void abandon(std::unique_ptr<Pool> lost) {
        lost->event_.reset();
        lost->wakeup_.reset();
        static std::vector<Pool*> abandoned;  // not leaked, for those who look
        abandoned.push_back(lost.release());
    }

    std::size_t idle_hint() {
        std::lock_guard lock(mutex_);
        return idle_;
    }

    void start_thread() {
        // Signals belong to the loop's thread, but for the one that says which system call of
        // this very thread is refused.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        sigdelset(&all, SIGSYS);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        std::string trouble;
        try {
            threads_.emplace_back([this] { serve(); });
        } catch (const std::system_error& error) {
            trouble = error.what();
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        // Where memory or processes are limited, those that run take the job.
        if (threads_.empty()) {
            log_fatal("cannot start a thread: {}", trouble);
        }
    }

    void serve() {
        std::unique_lock lock(mutex_);
        for (;;) {
            ++idle_;
            wanted_.wait(lock, [this] { return stopping_ || (!held_ && !queue_.empty()); });
            --idle_;
            if (stopping_) {
                return;
            }
            Job* job = queue_.front();
            queue_.pop_front();
            running_.push_back(job);
            lock.unlock();
            job->work();
            lock.lock();
            std::erase(running_, job);
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
    std::vector<Job*> running_;
    std::deque<Job*> done_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool stopping_ = false;
    bool held_ = false;
};

pid_t Pool::fork() {
    Pool* before = slot().get();
    std::unique_lock<std::mutex> lock;
    if (before != nullptr) {
        lock = std::unique_lock(before->mutex_);
    }
    const pid_t child = ::fork();
    if (lock) {
        lock.unlock();
    }
    if (child == 0) {
        Loop::current().after_fork();
    }
    if (before == nullptr) {
        return child;
    }
    if (child != 0) {
        before->release();
        return child;
    }
    auto lost = std::move(slot());
    for (Job* job : lost->done_) {
        job->done.wake();
    }
    auto& fresh = current();
    fresh.queue_.assign(lost->running_.begin(), lost->running_.end());
    fresh.queue_.insert(fresh.queue_.end(), lost->queue_.begin(), lost->queue_.end());
    abandon(std::move(lost));
    fresh.release();
    return 0;
}

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

Task<pid_t> fork_process() {
    constexpr auto kStep = std::chrono::milliseconds(5);
    if (const auto& pool = Pool::slot()) {
        pool->hold();
        for (auto limit = Deadline::after(kForkPatience); pool->busy() && !limit.passed();) {
            co_await sleep_for(kStep);
        }
    }
    co_return Pool::fork();
}

}  // namespace relais
